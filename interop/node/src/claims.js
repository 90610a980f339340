// Claims and states as msgpack, read and written (SPEC section 3).
import { Decoder, encode } from "@msgpack/msgpack";

import { StateError, TokenError } from "./errors.js";

export const MAX_INT = Number.MAX_SAFE_INTEGER;
export const MAX_SECONDS = 2 ** 32 - 1;
export const MAX_SIGNERS = 15; // other keys that have signed tokens of a session
export const KID = /^[A-Za-z0-9_-]{1,32}$/;
const MAX_DEPTH = 32; // levels of arrays and maps in a state
const OVERFLOW = "tokensession/overflow"; // the key of a state that is kept elsewhere (SPEC section 14)

const decoder = new Decoder({
  useBigInt64: true, // so that integers beyond 2^53 show
  mapKeyConverter(key) {
    if (typeof key !== "string") throw new TypeError("keys of a map are str");
    return key;
  },
});
const utf8 = new TextDecoder("utf-8", { fatal: true });
// First byte -> bytes of a number; or of a length, and what else comes before the content.
const FIXED = { 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4,
  0xd3: 8, 0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17 };
const SIZED = { 0xc4: 1, 0xc5: 2, 0xc6: 4, 0xc7: 1, 0xc8: 2, 0xc9: 4, 0xd9: 1, 0xda: 2, 0xdb: 4 };
const COUNTED = { 0xdc: [2, 1], 0xdd: [4, 1], 0xde: [2, 2], 0xdf: [4, 2] };

/** Gives where the value at `at` has its end, its items not counted, and how many those are. */
function head(bytes, at) {
  const first = bytes[at];
  if (first === undefined || first === 0xc1) throw new RangeError("malformed");
  const number = (width) => Buffer.prototype.readUIntBE.call(bytes, at + 1, width);
  if (COUNTED[first]) return [at + 1 + COUNTED[first][0], number(COUNTED[first][0]) * COUNTED[first][1]];
  if (first >> 4 === 9) return [at + 1, first & 15];
  if (first >> 4 === 8) return [at + 1, (first & 15) * 2];
  const isText = first >> 5 === 5 || (first >= 0xd9 && first <= 0xdb);
  const start = at + 1 + (SIZED[first] ?? 0) + (first >= 0xc7 && first <= 0xc9 ? 1 : 0);
  const size = SIZED[first] ? number(SIZED[first]) : first >> 5 === 5 ? first & 31 : FIXED[first] ?? 0;
  if (start + size > bytes.length) throw new RangeError("malformed");
  if (isText) utf8.decode(bytes.subarray(start, start + size));
  return [start + size, 0];
}

/** Gives the end of the value at `at` and how deep it nests; throws where it is malformed. */
function extent(bytes, at) {
  const waiting = []; // how many items each open container still waits for
  let deepest = 0;
  do {
    if (waiting.length) waiting[waiting.length - 1] -= 1;
    const first = bytes[at];
    const [next, items] = head(bytes, at);
    at = next;
    const opens = first >> 4 === 8 || first >> 4 === 9 || (first >= 0xdc && first <= 0xdf);
    if (opens) deepest = Math.max(deepest, waiting.length + 1);
    if (items) waiting.push(items);
    while (waiting.length && waiting[waiting.length - 1] === 0) waiting.pop();
  } while (waiting.length);
  return [at, deepest];
}

/** Gives the claims, or throws a TokenError with the code bad_claims. */
export function readClaims(plaintext) {
  try {
    return parseClaims(plaintext);
  } catch {
    throw new TokenError("bad_claims");
  }
}

function parseClaims(bytes) {
  const isArray = bytes[0] >> 4 === 9 || bytes[0] === 0xdc || bytes[0] === 0xdd;
  let [at, count] = head(bytes, 0);
  if (!isArray || count < 6) throw new TypeError("not the array of claims");
  const elements = [];
  for (let index = 0; index < count; index += 1) {
    const [end, depth] = extent(bytes, at);
    if (index === 5 && depth > MAX_DEPTH) throw new RangeError("nested too deep");
    if (index < 10) elements.push(bytes.subarray(at, end)); // later ones are ignored
    at = end;
  }
  if (at !== bytes.length) throw new RangeError("something follows");
  const [sid, iat, ttl, age, sub, state, cap, , signers, auth] = elements;
  const claims = {
    sid: coreValue(decoder.decode(sid)),
    iat: integer(iat, 0, MAX_INT),
    ttl: integer(ttl, 1, MAX_SECONDS),
    age: integer(age, 0, MAX_INT),
    sub: isText(sub) || sub[0] === 0xc0 ? decoder.decode(sub) : integer(sub, -MAX_INT, MAX_INT),
    state: coreValue(decoder.decode(state)),
    cap: isAbsent(cap) ? null : integer(cap, 1, MAX_SECONDS),
    signers: isAbsent(signers) ? null : kids(decoder.decode(signers)),
    auth: auth === undefined ? 0 : isAbsent(auth) ? null : integer(auth, 0, MAX_INT),
  };
  if (!(claims.sid instanceof Uint8Array) || claims.sid.length !== 16 || claims.age > claims.iat || claims.auth > claims.age) {
    throw new RangeError("not those of a session");
  }
  return claims;
}

function isAbsent(bytes) {
  return bytes === undefined || bytes[0] === 0xc0;
}

/** Gives the signers; throws for anything but a list of 1 to 15 kids. */
function kids(signers) {
  const fits = Array.isArray(signers) && signers.length >= 1 && signers.length <= MAX_SIGNERS;
  if (!fits || !signers.every((kid) => typeof kid === "string" && KID.test(kid))) throw new RangeError("no list of kids");
  return signers;
}

function isText(bytes) {
  return bytes[0] >> 5 === 5 || (bytes[0] >= 0xd9 && bytes[0] <= 0xdb);
}

/** Gives an integer; the first byte tells it from a float of the same value. */
function integer(bytes, least, most) {
  const first = bytes[0];
  const isInteger = first < 0x80 || first >= 0xe0 || (first >= 0xcc && first <= 0xd3);
  const value = Number(isInteger ? decoder.decode(bytes) : NaN);
  if (!(value >= least && value <= most)) throw new RangeError("out of range");
  return value;
}

/** Tells whether a state only refers to one that is kept elsewhere. */
export function isReference(state) {
  return typeof state === "object" && state !== null && Object.prototype.hasOwnProperty.call(state, OVERFLOW);
}

/** Tells whether a date lies in the years 1 to 9999; an invalid one does not. */
function isDate(date) {
  const time = date.getTime();
  return time >= -62135596800000 && time < 253402300800000;
}

/** Gives a decoded value with its 64-bit integers as numbers; throws for what is not core. */
function coreValue(value) {
  if (typeof value === "bigint") {
    if (value > MAX_INT || value < -MAX_INT) throw new RangeError("beyond 2^53 - 1");
    return Number(value);
  }
  if (Array.isArray(value)) return value.map(coreValue);
  if (value instanceof Date && !isDate(value)) throw new RangeError("no date from the years 1 to 9999");
  if (Object.prototype.toString.call(value) !== "[object Object]") return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError("an extension");
  for (const [key, item] of Object.entries(value)) value[key] = coreValue(item);
  return value;
}

/**
 * Gives the msgpack of a state, or throws a StateError.
 * A Map keeps the order of keys like "7", which objects put first.
 */
export function packState(value, path = "state", depth = 1) {
  if (value === null || typeof value === "boolean") return Buffer.from(encode(value));
  if (typeof value === "string") return packText(value, path);
  if (typeof value === "number" || typeof value === "bigint") return packNumber(value, path);
  if (value instanceof Uint8Array) return Buffer.from(encode(value));
  if (value instanceof Date) {
    if (!isDate(value)) throw new StateError(path, "no date from the years 1 to 9999");
    return Buffer.from(encode(value));
  }
  const isObject = typeof value === "object" && (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype);
  if (!isObject && !Array.isArray(value)) {
    throw new StateError(path, `a ${typeof value}, which msgpack does not keep; convert it`);
  }
  if (depth > MAX_DEPTH) throw new StateError(path, `nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    const items = Array.from(value, (item, index) => packState(item, `${path}[${index}]`, depth + 1));
    return Buffer.concat([packHead(0x90, 0xdc, items.length), ...items]);
  }
  const parts = [];
  for (const [key, item] of value instanceof Map ? value : Object.entries(value)) {
    if (typeof key !== "string") throw new StateError(path, "keys of a map must be str");
    if (key === OVERFLOW && path === "state") throw new StateError(path, "the key of references to states elsewhere");
    if (key === "__proto__") throw new StateError(path, "the key __proto__, which readers refuse");
    const step = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    parts.push(packText(key, path), packState(item, path + step, depth + 1));
  }
  return Buffer.concat([packHead(0x80, 0xde, parts.length / 2), ...parts]);
}

function packText(text, path) {
  if (/\p{Surrogate}/u.test(text)) throw new StateError(path, "text with a lone surrogate");
  return Buffer.from(encode(text));
}

function packNumber(number, path) {
  if (Number.isNaN(number)) throw new StateError(path, "NaN, which does not equal itself");
  if (typeof number === "bigint" && (number > MAX_INT || number < -MAX_INT)) {
    throw new StateError(path, "an integer beyond 2^53 - 1; store it as str");
  }
  return Buffer.from(encode(Number(number)));
}

function packHead(small, large, count) {
  if (count < 16) return Buffer.of(small | count);
  if (count < 2 ** 16) return Buffer.of(large, count >> 8, count & 255);
  return Buffer.of(large + 1, count >>> 24, (count >> 16) & 255, (count >> 8) & 255, count & 255);
}

/** Gives the plaintext of a token. */
export function writeClaims({ sid, iat, ttl, age, sub, state, cap, signers = null, auth = 0 }) {
  if (sub !== null && !["string", "bigint"].includes(typeof sub) && !Number.isSafeInteger(sub)) {
    throw new StateError("subject", "a subject is a string, a safe integer or null");
  }
  const elements = [sid, iat, ttl, age].map((value) => Buffer.from(encode(value)));
  elements.push(packState(sub, "subject"), packState(state));
  if (cap !== null || signers !== null || auth !== 0) elements.push(Buffer.from(encode(cap)));
  if (signers !== null || auth !== 0) elements.push(Buffer.from(encode(null)), Buffer.from(encode(signers)));
  if (auth !== 0) elements.push(Buffer.from(encode(auth)));
  return Buffer.concat([packHead(0x90, 0xdc, elements.length), ...elements]);
}
