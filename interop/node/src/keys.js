// The key ring: which keys sign and verify at a given time (SPEC section 7).
import { createECDH, createHash, createPrivateKey, createPublicKey } from "node:crypto";

import { decodeBase64url, encodeBase64url } from "./base64url.js";
import { KID, MAX_INT, MAX_SECONDS } from "./claims.js";
import { isSafePoint } from "./ed25519.js";
import { ConfigError } from "./errors.js";
import { parseJson } from "./json.js";
import { PUBLISHED } from "./published.js";

const TYPES = { HS256: ["oct"], Ed25519: ["OKP", "Ed25519"], ES256: ["EC", "P-256"] };
const HEADS = /-----BEGIN |^([^]{4})?(ssh-(rsa|dss|ed25519)|ecdsa-sha2-|sk-ssh-|sk-ecdsa-|openssh-key-v1)/;
const P256_PRIME = Buffer.from("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", "hex");
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function check(holds, message) {
  if (!holds) throw new ConfigError(message);
}

/** An immutable set of keys. */
export class KeyRing {
  #keys;

  /** @param {object[]} keys - as parseKey gives them, each kid once */
  constructor(keys, serial, tokenLifetime) {
    this.#keys = new Map(keys.map((key) => [key.kid, key]));
    this.serial = serial;
    this.tokenLifetime = tokenLifetime;
    this.byHeader = new Map(keys.map((key) => [key.header, key]));
  }

  /**
   * Gives the ring of a JWK Set, as JSON text, its bytes, or the object that such text stands for.
   * `fromStore` refuses published secrets; `running` is the ring in use, to be replaced.
   */
  static fromJwks(document, { fromStore = false, running } = {}) {
    const set = parseJson(document instanceof Uint8Array ? utf8(document) : typeof document === "string" ? document : jsonOf(document));
    check(isObject(set) && Array.isArray(set.keys), 'a key document is a JWK Set with a list "keys"');
    const serial = has(set, "serial") ? set.serial : 0;
    check(isInteger(serial, MAX_INT), "serial must be an integer from 0 to 2^53 - 1");
    const tokenLifetime = parseRotation(set.rotation);
    const groups = new Map();
    for (const jwk of set.keys) {
      check(isObject(jwk) && typeof jwk.kid === "string" && KID.test(jwk.kid), "each JWK needs a kid of 1 to 32 characters of A-Z a-z 0-9 _ -");
      groups.set(jwk.kid, [...(groups.get(jwk.kid) ?? []), jwk]);
    }
    check(groups.size > 0, "a ring needs at least one key");
    const keys = [...groups].map(([kid, jwks]) => parseKey(kid, jwks));
    checkReuse(keys);
    if (fromStore) keys.forEach(checkUnpublished);
    const ring = new KeyRing(keys, serial, tokenLifetime);
    if (running !== undefined) checkSuccessor(ring, running);
    return ring;
  }

  [Symbol.iterator]() {
    return this.#keys.values();
  }

  get(kid) {
    return this.#keys.get(kid);
  }

  /** Gives the key that signs at the Unix second `now`, or undefined. */
  active(now) {
    return choose([...this].filter((key) => key.canMint && verifies(key, now)), now);
  }

  /** Gives the state of every kid at the Unix second `now`. */
  states(now) {
    const verifying = [...this].filter((key) => verifies(key, now));
    const mints = [...this].some((key) => key.canMint && !key.revoked);
    const active = choose(verifying.filter((key) => key.canMint || !mints), now);
    const state = (key) => {
      if (key.revoked) return "revoked";
      if (!verifies(key, now)) return "expired";
      if (key === active) return "active";
      return now < key.nbf ? "pending" : "retiring";
    };
    return Object.fromEntries([...this].map((key) => [key.kid, state(key)]));
  }
}

/** Tells whether tokens of a key are read at the Unix second `now`. */
export function verifies(key, now) {
  return !key.revoked && now < key.exp;
}

function choose(candidates, now) {
  const due = candidates.filter((key) => key.nbf <= now);
  const first = Math.min(...candidates.map((key) => key.nbf));
  const among = due.length > 0 ? due : candidates.filter((key) => key.nbf === first);
  return among.reduce((best, key) => {
    if (best === undefined || key.nbf > best.nbf) return key;
    return key.nbf === best.nbf && key.kid > best.kid ? key : best;
  }, undefined);
}

function jsonOf(document) {
  return attempt(() => JSON.stringify(document), "the key document is not JSON");
}

/** Gives the text of UTF-8; a byte order mark stays, as no part of JSON. */
function utf8(bytes) {
  return attempt(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), "the key document is not UTF-8");
}

function isInteger(value, most, least = 0) {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** Gives the longest ttl that may be minted, Infinity where a document names none. */
function parseRotation(rotation) {
  if (rotation === undefined || rotation === null) return Infinity;
  check(isObject(rotation), 'the member "rotation" must be an object');
  const lifetime = rotation.token_lifetime ?? Infinity;
  check(lifetime === Infinity || isInteger(lifetime, MAX_SECONDS, 1), "token_lifetime must be an integer from 1 to 2^32 - 1");
  return lifetime;
}

function parseKey(kid, jwks) {
  const [signature, encryption] = pair(kid, jwks);
  const [nbf, exp] = [date(signature, "nbf", 0), date(signature, "exp", Infinity)];
  check(nbf < exp, `key ${kid}: nbf must be before exp`);
  const algorithm = signature.alg;
  const revoked = has(signature, "revoked");
  const used = revoked && isObject(signature.revoked) ? signature.revoked.used : undefined;
  let secret;
  let halves = {};
  if (algorithm === "HS256") {
    if (!revoked || has(signature, "k")) secret = loadSecret(signature, 64);
  } else {
    if (!revoked || has(signature, "x")) halves = algorithm === "Ed25519" ? loadEd25519(signature) : loadP256(signature);
    if (encryption !== undefined) secret = loadSecret(encryption, 32);
    else check(revoked, `key ${kid}: the signature JWK stands without its A256GCM JWK`);
  }
  const header = encodeBase64url(Buffer.from(`{"alg":"${algorithm}","kid":"${kid}"}`));
  const canMint = secret !== undefined && (algorithm === "HS256" || halves.privateKey !== undefined);
  // Not enumerable, so that no log of a key shows what it holds.
  const key = { kid, algorithm, nbf, exp, revoked, header, canMint };
  return Object.defineProperties(key, { secret: { value: secret }, halves: { value: halves }, used: { value: used } });
}

/** Tells the signature JWK of a kid from the encryption JWK, and refuses other combinations. */
function pair(kid, jwks) {
  let signature;
  let encryption;
  for (const jwk of jwks) {
    check(jwk.alg === "A256GCM" || (typeof jwk.alg === "string" && has(TYPES, jwk.alg)), `key ${kid}: its alg is none of HS256, Ed25519, ES256 and A256GCM`);
    if (jwk.alg === "A256GCM") {
      check(encryption === undefined, `key ${kid}: two JWKs for the same purpose`);
      encryption = jwk;
    } else {
      check(signature === undefined, `key ${kid}: two JWKs for the same purpose`);
      signature = jwk;
    }
  }
  check(signature !== undefined, `key ${kid}: the A256GCM JWK stands without a signature JWK`);
  const [kty, crv] = TYPES[signature.alg];
  check(signature.kty === kty && (crv === undefined || signature.crv === crv), `key ${kid}: kty and crv are not those of its alg`);
  check(!has(signature, "use") || signature.use === "sig", `key ${kid}: use must be "sig" on a signature JWK`);
  check(kty === "oct" || !has(signature, "k"), `key ${kid}: k belongs on the A256GCM JWK`);
  const signs = has(signature, "d");
  checkKeyOps(signature, ["sign", "verify"], kty === "oct" ? ["sign", "verify"] : [signs ? "sign" : "verify"]);
  if (encryption === undefined) return [signature];
  check(kty !== "oct", `key ${kid}: an HS256 key is one JWK`);
  check(encryption.kty === "oct", `key ${kid}: alg A256GCM needs kty "oct"`);
  check(!has(encryption, "use") || encryption.use === "enc", `key ${kid}: use must be "enc" on the A256GCM JWK`);
  for (const name of ["nbf", "exp", "revoked"]) check(!has(encryption, name), `key ${kid}: ${name} belongs on the signature JWK`);
  checkKeyOps(encryption, ["encrypt", "decrypt"], signs ? ["encrypt", "decrypt"] : ["decrypt"]);
  return [signature, encryption];
}

function checkKeyOps(jwk, allowed, needed) {
  if (!has(jwk, "key_ops")) return;
  const ops = jwk.key_ops;
  const fit = Array.isArray(ops) && ops.every((op) => allowed.includes(op)) && needed.every((op) => ops.includes(op));
  check(fit && new Set(ops).size === ops.length, `key ${jwk.kid}: key_ops contradict its purpose`);
}

function date(jwk, name, missing) {
  if (!has(jwk, name)) return missing;
  check(isInteger(jwk[name], MAX_INT), `key ${jwk.kid}: ${name} must be whole Unix seconds from 0 to 2^53 - 1`);
  return jwk[name];
}

function member(jwk, name, least, most) {
  const bytes = typeof jwk[name] === "string" ? decodeBase64url(jwk[name]) : undefined;
  check(bytes !== undefined, `key ${jwk.kid}: ${name} is missing, or not canonical base64url without padding`);
  check(bytes.length >= least && bytes.length <= most, `key ${jwk.kid}: ${name} has ${bytes.length} bytes, not ${least} to ${most}`);
  return bytes;
}

function loadSecret(jwk, most) {
  const secret = member(jwk, "k", 32, most);
  check(!isEncodedKey(secret), `key ${jwk.kid}: k is an encoded key, which is no secret`);
  check(new Set(secret).size >= 12, `key ${jwk.kid}: k has fewer than 12 distinct byte values`);
  return secret;
}

/** Tells whether bytes are the text of a JWK, a DER key, or PEM or SSH, of which 64 bytes hold the head. */
function isEncodedKey(bytes) {
  if (HEADS.test(bytes.toString("latin1"))) return true;
  try {
    const value = JSON.parse(utf8(bytes));
    return isObject(value) && (has(value, "kty") || has(value, "keys"));
  } catch {
    // not JSON; perhaps DER, whose outer sequence ends with the bytes
  }
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) return false;
  const loads = (load, type) => {
    try {
      return load({ key: bytes, format: "der", type }) !== undefined;
    } catch {
      return false;
    }
  };
  return loads(createPublicKey, "spki") || loads(createPrivateKey, "pkcs8") || loads(createPrivateKey, "sec1");
}

function loadEd25519(jwk) {
  const x = member(jwk, "x", 32, 32);
  check(isSafePoint(x), `key ${jwk.kid}: x is of small order, or not the canonical encoding of a point`);
  const publicKey = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: jwk.x } });
  if (!has(jwk, "d")) return { publicKey, x };
  const d = member(jwk, "d", 32, 32);
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), d]);
  const privateKey = createPrivateKey({ format: "der", type: "pkcs8", key: der });
  check(createPublicKey(privateKey).export({ format: "jwk" }).x === jwk.x, `key ${jwk.kid}: x is not the public half of d`);
  return { publicKey, privateKey, x, d };
}

function loadP256(jwk) {
  const [x, y] = ["x", "y"].map((name) => member(jwk, name, 32, 32));
  const point = { kty: "EC", crv: "P-256", x: jwk.x, y: jwk.y };
  const below = [x, y].every((half) => Buffer.compare(half, P256_PRIME) < 0);
  check(below, `key ${jwk.kid}: x or y is not below the prime of P-256`);
  const publicKey = attempt(() => createPublicKey({ format: "jwk", key: point }), `key ${jwk.kid}: x and y are not a point of P-256`);
  if (!has(jwk, "d")) return { publicKey, x, y };
  const d = member(jwk, "d", 32, 32);
  const ecdh = createECDH("prime256v1");
  attempt(() => ecdh.setPrivateKey(d), `key ${jwk.kid}: d is no private key of P-256`);
  check(ecdh.getPublicKey().equals(Buffer.concat([Buffer.of(4), x, y])), `key ${jwk.kid}: x and y are not the public half of d`);
  const privateKey = createPrivateKey({ format: "jwk", key: { ...point, d: jwk.d } });
  return { publicKey, privateKey, x, y, d };
}

function attempt(load, message) {
  try {
    return load();
  } catch {
    throw new ConfigError(message); // without the cause, which may quote the material
  }
}

function checkReuse(keys) {
  const owners = new Map();
  for (const key of keys.filter(({ secret }) => secret !== undefined)) {
    const name = key.secret.toString("hex");
    check(!owners.has(name), `keys ${owners.get(name)?.kid} and ${key.kid} hold the same k`);
    owners.set(name, key);
  }
  const halves = keys.flatMap(({ halves: { d, x, y } }) => [d, x, y].filter((half) => half !== undefined));
  for (const { kid, secret } of owners.values()) {
    check(!halves.some((half) => secret.includes(half)), `key ${kid}: k holds half of a key, which others may know`);
  }
  checkRevokedMaterial(keys, keys);
}

/** Gives the SHA-256 of what no other key may hold once this one is revoked. */
function digests({ secret, halves }) {
  const material = [secret, halves.x].filter((bytes) => bytes !== undefined);
  return material.map((bytes) => createHash("sha256").update(bytes).digest("base64url"));
}

/** Refuses k or x of a listed revoked key under another kid. */
function checkRevokedMaterial(keys, listed) {
  for (const gone of [...listed].filter((key) => key.revoked)) {
    const used = new Set([...digests(gone), ...(Array.isArray(gone.used) ? gone.used : [])]);
    for (const key of [...keys].filter(({ kid }) => kid !== gone.kid)) {
      check(!digests(key).some((digest) => used.has(digest)), `key ${key.kid} has material of ${gone.kid}, which is revoked`);
    }
  }
}

function checkUnpublished({ kid, secret, halves }) {
  for (const bytes of [secret, halves.d]) {
    const found = bytes !== undefined && PUBLISHED.has(createHash("sha256").update(bytes).digest("hex"));
    check(!found, `key ${kid}: its secret is a published example; make a new one`);
  }
}

function checkSuccessor(ring, running) {
  check(ring.serial >= running.serial, `serial ${ring.serial} is older than the running ${running.serial}`);
  for (const other of running) {
    const key = ring.get(other.kid);
    check(!other.revoked || key?.revoked, `key ${other.kid}: a revocation is for good, and its tombstone stays`);
    if (key === undefined || isTombstone(key) || isTombstone(other)) continue;
    const same = (one, two) => one === undefined || two === undefined || one.equals(two);
    const unchanged = key.algorithm === other.algorithm && same(key.secret, other.secret);
    check(unchanged && same(key.halves.x, other.halves.x) && same(key.halves.y, other.halves.y), `key ${key.kid}: its material is not that of the running ring`);
  }
  checkRevokedMaterial(ring, running);
}

/** Tells whether a key is revoked and without material. */
function isTombstone({ revoked, secret, halves }) {
  return revoked && secret === undefined && halves.x === undefined;
}
