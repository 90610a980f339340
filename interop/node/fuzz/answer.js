// Answers one JSON line for each on standard input: how this package takes it (interop/differential.py asks).
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

import { readClaims } from "../src/claims.js";
import { KeyRing, decode } from "../src/index.js";
import { seal } from "../src/token.js";
import { value } from "../test/value.js";

const rings = new Map();

function canonical(item) {
  if (item === null || item === undefined) return "n";
  if (typeof item === "boolean") return item ? "t" : "f";
  if (typeof item === "number") {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(item);
    return `d${bytes.toString("hex")}`;
  }
  if (typeof item === "string") return `s${Buffer.from(item).toString("hex")}`;
  if (item instanceof Uint8Array) return `b${Buffer.from(item).toString("hex")}`;
  if (item instanceof Date) return `T${item.getTime()}`;
  if (Array.isArray(item)) return `[${item.map(canonical).join()}]`;
  const pairs = Object.entries(item).map(([key, member]) => `${Buffer.from(key).toString("hex")}:${canonical(member)}`);
  return `{${pairs.sort().join()}}`;
}

function digest(...values) {
  return createHash("sha256").update(canonical(values)).digest("hex").slice(0, 16);
}

function hasUserId(state) {
  return typeof state === "object" && state !== null && Object.hasOwn(state, "user_id") && typeof state.user_id === "string"
    && Object.getPrototypeOf(state) === Object.prototype;
}

const ANSWER = {
  ring({ name, text }) {
    rings.set(name, KeyRing.fromJwks(text));
    return "ok";
  },
  claims({ plaintext }) {
    const { sid, iat, ttl, age, sub, state, cap, signers, auth } = readClaims(Buffer.from(plaintext, "hex"));
    return `ok ${digest(sid, iat, ttl, age, sub, state, cap, signers, auth)}`;
  },
  token({ ring, context, now, leeway, absolute, longest, typed, token }) {
    const limits = { absoluteTimeout: absolute, longest };
    const fits = typed ? hasUserId : undefined;
    const session = decode(token, rings.get(ring), { context, now, leeway, fits, ...limits });
    const { sid, issuedAt, startedAt, expiresAt, ttl, cap, subject, state, kid, signers, authenticatedAt } = session;
    const dates = [issuedAt, startedAt, expiresAt, ttl, cap, authenticatedAt];
    return `ok ${digest(Buffer.from(sid, "hex"), dates, subject, state, kid, signers)}`;
  },
  keys({ text, running, store, moments }) {
    const ring = KeyRing.fromJwks(text, { fromStore: store, running: running ? KeyRing.fromJwks(running) : undefined });
    const keys = [...ring].map(({ kid, algorithm, canMint }) => [kid, algorithm, canMint]);
    keys.sort(([one], [other]) => (one < other ? -1 : 1));
    return `ok ${digest(ring.serial, keys, ...moments.map((now) => [ring.states(now), ring.active(now)?.kid]))}`;
  },
  write({ ring, context, kid, salt, nonce, claims }) {
    const given = { ...claims, sid: Buffer.from(claims.sid, "hex"), sub: value(claims.sub), state: value(claims.state) };
    const bytes = (hex) => Buffer.from(hex, "hex");
    return `ok ${seal(given, rings.get(ring).get(kid), { context, salt: bytes(salt), nonce: bytes(nonce) })}`;
  },
};

function answer(line) {
  const question = JSON.parse(line);
  try {
    return ANSWER[question.kind](question);
  } catch (error) {
    if (error.name === "TokenError") return error.code === "unknown_key" ? `unknown_key ${error.keyState}` : error.code;
    if (error.name === "ConfigError") return "config_error";
    if (error.name === "StateError") return "state_error";
    return `${error.stack}`.replaceAll("\n", " ");
  }
}

let waiting = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line === "") {
    process.stdout.write(waiting.join(""));
    waiting = [];
  } else {
    waiting.push(`${answer(line)}\n`);
  }
}
