// Sessions to tokens and back, in the numbered steps of SPEC sections 4 and 5.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, sign, timingSafeEqual, verify } from "node:crypto";

import { decodeBase64url, encodeBase64url } from "./base64url.js";
import { MAX_INT, MAX_SECONDS, MAX_SIGNERS, isReference, readClaims, writeClaims } from "./claims.js";
import { ConfigError, StateError, TokenError } from "./errors.js";
import { verifies } from "./keys.js";

const MAX_TOKEN = 8192;
const MIN_PAYLOAD = 38;
const SIGNATURE_BYTES = { HS256: 32, Ed25519: 64, ES256: 64 };

/** Gives the UTF-8 of a context, or throws a ConfigError. */
export function contextBytes(context) {
  const bytes = Buffer.from(String(context), "utf8");
  const fits = typeof context === "string" && !/\p{Surrogate}/u.test(context) && bytes.length >= 1 && bytes.length <= 255;
  if (!fits || bytes.includes(0)) throw new ConfigError("context must be 1 to 255 bytes of UTF-8 without a zero byte");
  return bytes;
}

/** Gives the key for one purpose: `sig`, or `enc` with a salt. */
export function derive(secret, purpose, context, salt) {
  const parts = [Buffer.from(`tokensession/v1/${purpose}\0`), context];
  if (salt !== undefined) parts.push(Buffer.of(0), salt);
  return Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), Buffer.concat(parts), 32));
}

/**
 * Gives the session that a token carries, or throws a TokenError whose `code` says why not.
 * `now` is in Unix seconds; `absoluteTimeout` and `longest` bound sessions (SPEC section 6).
 */
export function decode(token, ring, options = {}) {
  const { context = "session", leeway = 60, fits } = options;
  const now = instant(options.now);
  checkSeconds("leeway", leeway, 0);
  const purpose = contextBytes(context);
  // Step 1: framing.
  if (typeof token !== "string" || token.length > MAX_TOKEN || /[^\0-\x7f]/.test(token)) throw new TokenError("malformed");
  const segments = token.split(".");
  if (segments.length !== 3) throw new TokenError("malformed");
  const [header] = segments;
  // Step 2: the exact header of a key that may still verify; no JSON is parsed.
  const key = ring.byHeader.get(header);
  if (key === undefined || !verifies(key, now)) throw unknownKey(key);
  // Step 3: one spelling, and the algorithm's length.
  const [payload, signature] = segments.slice(1).map(decodeBase64url);
  if (payload === undefined || signature?.length !== SIGNATURE_BYTES[key.algorithm]) throw new TokenError("malformed");
  // Step 4: the signature.
  const signed = Buffer.from(token.slice(0, token.lastIndexOf(".")), "ascii");
  if (!signatureFits(key, purpose, signed, signature)) throw new TokenError("bad_signature");
  // Step 5: version and length.
  if (payload[0] !== 1) throw new TokenError("unsupported_version");
  if (payload.length < MIN_PAYLOAD) throw new TokenError("malformed");
  // Step 6: open.
  const plaintext = open(derive(key.secret, "enc", purpose, payload.subarray(1, 9)), payload, header);
  // Step 7: claims.
  const { sid, iat, ttl, age, sub, state, cap, signers, auth } = readClaims(plaintext);
  // Step 8: times.
  const limit = limitOf(cap, options);
  const startedAt = iat - age;
  if (iat > now + leeway) throw new TokenError("not_yet_valid");
  const expiresAt = Math.min(iat + ttl, startedAt + limit);
  if (now >= expiresAt) throw new TokenError("expired");
  // Step 9: the keys that have signed for the session. (A list of revocations needs a store.)
  if (signers !== null && signers.some((kid) => ring.get(kid)?.revoked)) throw new TokenError("revoked");
  // Step 10: a state that is here, and of the application's type.
  if (isReference(state) || (fits !== undefined && !fits(state))) throw new TokenError("bad_state");
  const authenticatedAt = sub === null || auth === null ? null : startedAt + auth;
  return { state, sid: encodeHex(sid), subject: sub, issuedAt: iat, startedAt, expiresAt, ttl, cap, kid: key.kid,
    signers: signers ?? [], auth, authenticatedAt, context };
}

/** Gives a moment, or the present one, as whole Unix seconds. */
function instant(now) {
  const seconds = now ?? Date.now() / 1000;
  if (!Number.isFinite(seconds)) throw new ConfigError("now must be a finite number of Unix seconds");
  return Math.floor(seconds);
}

/** Refuses other values: a comparison with NaN or text would never end a session. */
function checkSeconds(name, value, least) {
  if (!Number.isInteger(value) || value < least) throw new ConfigError(`${name} must be a whole number of seconds, at least ${least}`);
}

/** Gives how many seconds after its start a session ends (SPEC section 6). */
function limitOf(cap, { absoluteTimeout = null, longest = null }) {
  if (absoluteTimeout !== null) checkSeconds("absoluteTimeout", absoluteTimeout, 1);
  if (longest !== null) checkSeconds("longest", longest, 1);
  if (longest !== null && !(longest >= absoluteTimeout && absoluteTimeout !== null)) {
    throw new ConfigError("longest needs an absoluteTimeout, and must not be below it");
  }
  return cap === null ? absoluteTimeout ?? Infinity : Math.min(cap, longest ?? absoluteTimeout ?? Infinity);
}

/** Gives the token of a new session. */
export function encode(state, ring, options = {}) {
  const { context = "session", subject = null, cap = null } = options;
  const ttl = options.ttl ?? Math.min(1800, ring.tokenLifetime);
  checkSeconds("ttl", ttl, 1);
  if (ttl > ring.tokenLifetime) throw new ConfigError(`ttl exceeds the ring's token_lifetime of ${ring.tokenLifetime} seconds`);
  const iat = instant(options.now);
  const key = ring.active(iat);
  if (key === undefined) throw new ConfigError("no key of the ring can sign; a reader's cannot");
  const limit = limitOf(cap, options);
  if (limit < cap) throw new ConfigError(`the cap of ${cap} seconds exceeds the policy's ${limit}`);
  const claims = { sid: randomBytes(16), iat, ttl: Math.min(ttl, limit), age: 0, sub: subject, state, cap };
  return seal(claims, key, { context, salt: randomBytes(8), nonce: randomBytes(12) });
}

/** Gives a new token of a decoded session: its sid, start, idle window, cap and auth stay, and it names who signed before. */
export function renew(session, ring, options = {}) {
  const { auth, cap, context, startedAt } = session;
  if ((options.context ?? context) !== context) throw new ConfigError("the session was decoded under another context");
  const iat = Math.max(instant(options.now), startedAt + (auth ?? 0));
  const key = ring.active(iat);
  if (key === undefined) throw new ConfigError("no key of the ring can sign; a reader's cannot");
  const signers = [...new Set([...session.signers, session.kid])].filter((kid) => kid !== key.kid);
  const limit = limitOf(cap, options);
  const ttl = Math.min(session.ttl, startedAt + limit - iat, ring.tokenLifetime);
  if (ttl < 1 || signers.length > MAX_SIGNERS) throw new TokenError("expired");
  const sid = Buffer.from(session.sid, "hex");
  const claims = { sid, iat, ttl, age: iat - startedAt, sub: session.subject, state: session.state, cap,
    signers: signers.length > 0 ? signers : null, auth };
  return seal(claims, key, { context, salt: randomBytes(8), nonce: randomBytes(12) });
}

/** Gives the token of these claims. Dangerous: a nonce must be fresh random bytes each time. */
export function seal(claims, key, { context, salt, nonce }) {
  for (const [name, least, most] of [["iat", 0, MAX_INT], ["ttl", 1, MAX_SECONDS], ["cap", 1, MAX_SECONDS]]) {
    const value = claims[name];
    const fits = Number.isInteger(value) && value >= least && value <= most;
    if (!fits && !(name === "cap" && value === null)) throw new ConfigError(`${name} must be an integer from ${least} to ${most}`);
  }
  const purpose = contextBytes(context);
  const cipher = createCipheriv("aes-256-gcm", derive(key.secret, "enc", purpose, salt), nonce);
  cipher.setAAD(Buffer.from(key.header, "ascii"));
  const sealed = [cipher.update(writeClaims(claims)), cipher.final(), cipher.getAuthTag()];
  const signed = `${key.header}.${encodeBase64url(Buffer.concat([Buffer.of(1), salt, nonce, ...sealed]))}`;
  const token = `${signed}.${encodeBase64url(makeSignature(key, purpose, Buffer.from(signed)))}`;
  if (token.length > MAX_TOKEN) throw new StateError("state", `the token has ${token.length} characters; at most ${MAX_TOKEN} are allowed`);
  return token;
}

function makeMac(key, signed) {
  return createHmac("sha256", key).update(signed).digest();
}

function makeSignature(key, context, signed) {
  if (key.algorithm === "HS256") return makeMac(derive(key.secret, "sig", context), signed);
  if (key.algorithm === "Ed25519") return sign(null, signed, key.halves.privateKey);
  return sign("sha256", signed, { key: key.halves.privateKey, dsaEncoding: "ieee-p1363" });
}

function signatureFits(key, context, signed, signature) {
  if (key.algorithm === "HS256") return sameMac(derive(key.secret, "sig", context), signed, signature);
  return verifySignature(key, signed, signature);
}

/** Compares in constant time. */
export function sameMac(key, signed, mac) {
  return timingSafeEqual(makeMac(key, signed), mac);
}

/** Verifies a signature of Ed25519 or ES256. */
export function verifySignature(key, signed, signature) {
  if (key.algorithm === "Ed25519") return verify(null, signed, key.halves.publicKey, signature);
  return verify("sha256", signed, { key: key.halves.publicKey, dsaEncoding: "ieee-p1363" }, signature);
}

/** Opens a payload; the header segment is bound to it. */
export function open(key, payload, header) {
  const decipher = createDecipheriv("aes-256-gcm", key, payload.subarray(9, 21), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(payload.subarray(-16));
  try {
    return Buffer.concat([decipher.update(payload.subarray(21, -16)), decipher.final()]);
  } catch {
    throw new TokenError("decrypt_failed");
  }
}

function unknownKey(key) {
  const error = new TokenError("unknown_key");
  // What the ring says of the key: for the operator, never for the client.
  error.keyState = key === undefined ? null : key.revoked ? "revoked" : "expired";
  return error;
}

function encodeHex(bytes) {
  return Buffer.from(bytes).toString("hex");
}
