// Base64url without padding, in exactly one spelling (SPEC section 1).

/** @param {Uint8Array} bytes */
export function encodeBase64url(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

/** Gives the bytes, or undefined for text that is empty or not the canonical spelling of any. */
export function decodeBase64url(text) {
  const bytes = Buffer.from(text, "base64url");
  // Node reads padding, white space, both alphabets and stray bits; written again they are gone.
  return text !== "" && bytes.toString("base64url") === text ? bytes : undefined;
}
