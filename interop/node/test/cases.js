// How each case of ../../../vectors is run (its README.md says how).
import assert from "node:assert/strict";
import { createDecipheriv, createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { packState, readClaims } from "../src/claims.js";
import { decodeBase64url } from "../src/base64url.js";
import { KeyRing, decode, decodeCookie, encode, renew } from "../src/index.js";
import { contextBytes, derive, seal } from "../src/token.js";
import { canonical, value } from "./value.js";

const FOLDER = process.env.VECTORS ?? new URL("../../../vectors/", import.meta.url).pathname;
const WORDS = { TokenError: (error) => error.code, ConfigError: () => "config_error", StateError: () => "state_error" };
const IS = {
  int: (item) => Number.isInteger(item),
  str: (item) => typeof item === "string",
  bool: (item) => typeof item === "boolean",
  bin: (item) => item instanceof Uint8Array,
};

function sameClaims(found, expected) {
  if (expected === undefined) return;
  const { state, ...claims } = expected;
  assert.deepEqual({ ...found, state: null }, { ...claims, state: null });
  assert.equal(canonical(found.state), canonical(value(state)));
}

function isPlainMap(state) {
  return typeof state === "object" && state !== null && Object.getPrototypeOf(state) === Object.prototype;
}

const parsed = new Map(); // rings by their documents, as many tokens are read with one

const RUN = {
  derivation({ context, secret, salt, sig_key: sigKey, enc_key: encKey }) {
    const purpose = contextBytes(typeof context === "string" ? context : value(context));
    const bytes = Buffer.from(secret, "hex");
    assert.equal(derive(bytes, "sig", purpose).toString("hex"), sigKey);
    assert.equal(derive(bytes, "enc", purpose, Buffer.from(salt, "hex")).toString("hex"), encKey);
  },
  claims({ plaintext, claims }) {
    const { sid, ...rest } = readClaims(Buffer.from(plaintext, "hex"));
    sameClaims({ sid: Buffer.from(sid).toString("hex"), ...rest }, claims);
  },
  states({ document, times }) {
    const ring = KeyRing.fromJwks(document);
    for (const { now, states, active } of times) {
      assert.deepEqual(ring.states(now), states);
      assert.equal(ring.active(now)?.kid ?? null, active);
    }
  },
  keys({ document, text, bytes, running, from_file: fromStore, kids }) {
    const options = { fromStore, running: running && KeyRing.fromJwks(running) };
    const ring = KeyRing.fromJwks(bytes === undefined ? (text ?? document) : Buffer.from(bytes, "hex"), options);
    if (kids === undefined) return;
    const found = [...ring].map(({ kid, algorithm, canMint }) => ({ kid, algorithm, can_mint: canMint }));
    const sorted = (list) => [...list].sort((one, other) => (one.kid < other.kid ? -1 : 1));
    assert.deepEqual(sorted(found), sorted(kids));
  },
  tokens(vector, { rings }) {
    const ring = parsed.get(rings[vector.ring]) ?? KeyRing.fromJwks(rings[vector.ring]);
    parsed.set(rings[vector.ring], ring);
    const { context, now, leeway, token, fields, claims } = vector;
    const fits = (state) => isPlainMap(state) && Object.entries(fields).every(([name, type]) => IS[type](state[name]));
    const limits = { absoluteTimeout: vector.absolute_timeout, longest: vector.longest };
    try {
      const session = decode(token, ring, { context, now, leeway, ...limits, fits: fields && fits });
      const { sid, issuedAt: iat, ttl, startedAt, subject: sub, state, cap, auth } = session;
      const signers = session.signers.length > 0 ? session.signers : null;
      sameClaims({ sid, iat, ttl, age: iat - startedAt, sub, state, cap, signers, auth }, claims);
      assert.equal(session.authenticatedAt, sub === null || auth === null ? null : startedAt + auth);
    } catch (error) {
      if (error.code === "unknown_key") assert.equal(error.keyState, vector.key_state);
      throw error;
    }
    if (vector.layers !== undefined) sameLayers(vector, ring);
  },
  lifetimes({ operation, given, now, token, claims, dies_at: diesAt, ...vector }, { key }) {
    const ring = KeyRing.fromJwks({ keys: [key], rotation: { token_lifetime: vector.token_lifetime } });
    const limits = { absoluteTimeout: vector.absolute_timeout, longest: vector.longest };
    if (operation === "new") token = encode({}, ring, { ttl: given.idle_window, cap: given.cap, now, ...limits });
    if (operation === "renew") token = renew(decode(token, ring, { now: given.iat, ...limits }), ring, { now, ...limits });
    const { issuedAt: iat, startedAt, ttl, cap, expiresAt } = decode(token, ring, { now, ...limits });
    if (operation === "read") assert.equal(expiresAt, diesAt);
    else assert.deepEqual({ iat, ttl, age: iat - startedAt, cap }, claims);
  },
  cookies({ headers, name, now, expect, sid }, { document }) {
    const session = decodeCookie(headers, name, KeyRing.fromJwks(document), { now });
    if (session !== undefined) assert.equal(session.sid, sid);
    else assert.equal(expect, "none");
    return session === undefined ? "none" : "ok";
  },
  heritage({ token, verb, signs, now, start, signers, auth, expect }, { keys }) {
    if (verb !== "renew") return expect; // this package has no other verb
    const ring = KeyRing.fromJwks({ keys: keys.map((jwk) => ({ ...jwk, nbf: jwk.kid === signs ? 1 : 0 })) });
    const session = decode(token, ring, { now });
    const written = decode(renew(session, ring, { now }), ring, { now });
    assert.deepEqual([written.sid, written.kid, written.startedAt, written.auth], [session.sid, signs, start, auth]);
    assert.deepEqual(written.signers, signers ?? []);
  },
  writing({ state, msgpack, path, size, sha256, document, now, ttl, characters }) {
    if (document !== undefined) {
      assert.equal(encode(value(state), KeyRing.fromJwks(document), { now, ttl }).length, characters);
      return;
    }
    try {
      const packed = packState(value(state));
      if (msgpack !== undefined) assert.equal(packed.toString("hex"), msgpack);
      else assert.deepEqual([packed.length, createHash("sha256").update(packed).digest("hex")], [size, sha256]);
    } catch (error) {
      if (error.name === "StateError") assert.equal(error.path, path);
      throw error;
    }
  },
};

/** Takes the token apart, compares every value on the way, and makes it again where one can. */
function sameLayers({ token, context, layers, writable, claims }, ring) {
  const [header, payload, signature] = token.split(".").map(decodeBase64url);
  const key = ring.byHeader.get(token.split(".")[0]);
  const purpose = contextBytes(context);
  const [salt, nonce] = [payload.subarray(1, 9), payload.subarray(9, 21)];
  const encKey = derive(key.secret, "enc", purpose, salt);
  const decipher = createDecipheriv("aes-256-gcm", encKey, nonce, { authTagLength: 16 });
  const bytes = {
    salt, nonce, payload, signature, enc_key: encKey, plaintext: decipher.update(payload.subarray(21, -16)),
    ...(key.algorithm === "HS256"
      ? { sig_key: derive(key.secret, "sig", purpose) }
      : { public_key: Buffer.concat([key.halves.x, key.halves.y ?? Buffer.alloc(0)]) }),
  };
  const texts = { header: header.toString(), signing_input: token.slice(0, token.lastIndexOf(".")) };
  const hex = Object.fromEntries(Object.entries(bytes).map(([name, data]) => [name, data.toString("hex")]));
  assert.deepEqual({ ...hex, ...texts }, layers);
  if (!writable || !key.canMint) return;
  const given = { ...claims, sid: Buffer.from(claims.sid, "hex"), state: value(claims.state) };
  assert.equal(seal(given, key, { context, salt, nonce }), token);
}

/** The files that this package runs. */
export const NAMES = Object.keys(RUN);

/** Gives the content of a file. */
export function load(name) {
  return JSON.parse(readFileSync(`${FOLDER}/${name}.json`, "utf8"));
}

/** Runs a case; throws where its word or a value is not the expected one. */
export function runCase(name, vector, content) {
  let word;
  try {
    word = RUN[name](vector, content) ?? "ok";
  } catch (error) {
    if (WORDS[error.name] === undefined) throw error;
    word = WORDS[error.name](error);
  }
  assert.ok([vector.expect, ...(vector.acceptable ?? [])].includes(word), `gave ${word}`);
}
