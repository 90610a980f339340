// Which cookie of a request is the session's (SPEC section 6).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ConfigError, KeyRing, StateError, TokenError, decode, decodeCookie, encode, renew } from "../src/index.js";

const { rings } = JSON.parse(readFileSync(new URL("../../../vectors/tokens.json", import.meta.url), "utf8"));
const ring = KeyRing.fromJwks(rings.main);
const now = 1785000000;
const options = { now };
const token = encode({ user_id: 42 }, ring, { context: "shop", now });

const has = (code) => (error) => error instanceof TokenError && error.code === code;

test("the context is the cookie's name without its prefix", () => {
  for (const name of ["shop", "__Host-shop", "__Secure-shop", "__host-http-shop", "__Http-shop"]) {
    assert.deepEqual(decodeCookie(`a=b;\t${name} = ${token} ; c=d`, name, ring, options).state, { user_id: 42 });
  }
  assert.throws(() => decodeCookie(`session=${token}`, "session", ring, options), has("bad_signature"));
});

test("no such cookie is no session, and no error", () => {
  for (const header of [undefined, "", ";", "shop", `xshop=${token}`, `Shop=${token}`, `\u00a0shop=${token}`]) {
    assert.equal(decodeCookie(header, "shop", ring, options), undefined);
  }
});

test("of several cookies exactly one of at most four may be good", () => {
  const read = (...values) => decodeCookie(values.map((value) => `shop=${value}`).join("; "), "shop", ring, options);
  assert.equal(read("planted", token).kid, ring.active(now).kid);
  assert.equal(read("1", "2", "3", token).subject, null);
  for (const values of [[token, token], ["1", "2"], ["1", "2", "3", "4", token], [token, "1", "2", "3", token]]) {
    assert.throws(() => read(...values), has("malformed"));
  }
  assert.throws(() => read(`"${token}"`), has("unknown_key"));
});

test("a renewed token keeps sid and start, and ends with its session", () => {
  const first = decode(encode([], ring, { now, ttl: 100, cap: 150, subject: 7 }), ring, { now });
  const second = decode(renew(first, ring, { now: now + 90 }), ring, { now: now + 90 });
  assert.deepEqual([second.sid, second.startedAt, second.subject, second.ttl], [first.sid, now, 7, 60]);
  assert.throws(() => renew(first, ring, { now: now + 150 }), has("expired"));
});

test("a reader's ring reads and cannot mint", () => {
  const reader = KeyRing.fromJwks(rings.reader);
  assert.throws(() => encode({}, reader, { now }), ConfigError);
});

test("what cannot be written is refused with its path", () => {
  const refused = [[undefined, "state"], [{ a: [() => 1] }, "state.a[0]"], [{ "a b": new Date(NaN) }, 'state["a b"]'],
    [new (class Cart {})(), "state"], [[new Set()], "state[0]"], [[, 1], "state[0]"]];
  for (const [state, path] of refused) {
    assert.throws(() => encode(state, ring, { now }), (error) => error instanceof StateError && error.path === path);
  }
  assert.throws(() => encode({ text: "x".repeat(7000) }, ring, { now }), StateError);
  assert.throws(() => encode({}, ring, { now, subject: 1.5 }), StateError);
  for (const wrong of [{ ttl: 0 }, { cap: 0.5 }, { ttl: 2 ** 32 }, { context: "" }]) {
    assert.throws(() => encode({}, ring, { now, ...wrong }), ConfigError);
  }
});

test("limits and moments of another type are refused", () => {
  // A variable that is not set is NaN as a number, and one that is set is text: with either, no session would end.
  for (const wrong of [NaN, "60", -1, 1.5, Infinity, true, new Date()]) {
    const all = [{ leeway: wrong }, { absoluteTimeout: wrong }, { absoluteTimeout: 60, longest: wrong }, { now: typeof wrong === "number" ? NaN : wrong }];
    for (const options of all) assert.throws(() => decode(token, ring, { context: "shop", now, ...options }), ConfigError);
    for (const options of [{ ttl: wrong }, { cap: wrong }]) assert.throws(() => encode({}, ring, { now, ...options }), ConfigError);
  }
});

test("a session is renewed under its own context", () => {
  const session = decode(token, ring, { context: "shop", now });
  assert.equal(session.context, "shop");
  const renewed = renew(session, ring, { now });
  assert.deepEqual(decode(renewed, ring, { context: "shop", now }).state, { user_id: 42 });
  assert.throws(() => decode(renewed, ring, { now }), has("bad_signature"));
  assert.throws(() => renew(session, ring, { context: "session", now }), ConfigError);
});

test("an object that JSON does not have is no key document", () => {
  const cycle = {};
  cycle.keys = [cycle];
  for (const document of [null, undefined, 1, 1n, { keys: [1n] }, cycle, () => 1]) {
    assert.throws(() => KeyRing.fromJwks(document), ConfigError);
  }
});

test("keys show no material", async () => {
  const { inspect } = await import("node:util");
  const text = inspect([ring, ...ring], { depth: 9 }) + JSON.stringify([...ring]);
  const secrets = rings.main.keys.flatMap(({ k, d }) => [k, d]).filter((secret) => secret !== undefined);
  assert.ok(secrets.length > 10);
  for (const secret of secrets) {
    assert.ok(!text.includes(secret) && !text.includes(Buffer.from(secret, "base64url").toString("hex").slice(0, 8)));
  }
  assert.doesNotMatch(text, /secret|halves|Buffer/);
});
