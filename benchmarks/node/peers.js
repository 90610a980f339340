// Times codecs of Node for benchmarks/node.py: reads JSON lines from standard input, answers each with one.
// {"setup": {state, keys, ttl}} is answered with what there is; {"turn": [name, operation, calls]} with nanoseconds per call.
import { deepStrictEqual } from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { KeyRing, decode, encode } from "../../interop/node/src/index.js";

globalThis.crypto ??= webcrypto; // which Auth.js and jose take for granted, and Node 18 has under this name alone

const { resolve } = createRequire(import.meta.url);
const WARM_UP_MS = 150; // of each operation, so that what is timed was compiled before

// Each gives encode and decode, called as its own framework calls them; what is made once there is made once here.
const PEERS = {
  "tokensession (Node)": ({ keys, ttl }) => {
    const ring = KeyRing.fromJwks(keys);
    return { encode: (state) => encode(state, ring, { ttl }), decode: (token) => decode(token, ring).state };
  },
  "iron-session": async ({ ttl }) => {
    const { sealData, unsealData } = await import("iron-session");
    const options = { password: "a password of thirty-two letters", ttl };
    return { encode: (state) => sealData(state, options), decode: (token) => unsealData(token, options) };
  },
  "Auth.js": async ({ ttl }) => {
    const jwt = await import("@auth/core/jwt");
    const options = { secret: "a secret of thirty-two characters", salt: "authjs.session-token" };
    return {
      encode: (token) => jwt.encode({ ...options, token, maxAge: ttl }),
      decode: async (token) => withoutDates(await jwt.decode({ ...options, token })),
    };
  },
  "jose dir A256GCM": async ({ ttl }) => {
    const { EncryptJWT, jwtDecrypt } = await import("jose");
    const key = await webcrypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const header = { alg: "dir", enc: "A256GCM" };
    return {
      encode: (state) =>
        new EncryptJWT(state).setProtectedHeader(header).setIssuedAt().setExpirationTime(`${ttl}s`).encrypt(key),
      decode: async (token) => withoutDates((await jwtDecrypt(token, key)).payload),
    };
  },
  "jose HS256": async ({ ttl }) => {
    const { SignJWT, jwtVerify } = await import("jose");
    const key = await webcrypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    const header = { alg: "HS256" };
    return {
      encode: (state) => new SignJWT(state).setProtectedHeader(header).setIssuedAt().setExpirationTime(`${ttl}s`).sign(key),
      decode: async (token) => withoutDates((await jwtVerify(token, key)).payload),
    };
  },
  "fastify secure-session": async ({ ttl }) => {
    const { default: fastify } = await import("fastify");
    const { default: plugin } = await import("@fastify/secure-session");
    const app = fastify();
    await app.register(plugin, { key: Buffer.alloc(32, 7), expiry: ttl });
    await app.ready();
    return {
      encode: (state) => app.encodeSecureSession(app.createSecureSession({ ...state })),
      decode: (token) => app.decodeSecureSession(token).data(),
    };
  },
};

function withoutDates({ iat, exp, jti, ...state }) {
  return state;
}

const found = new Map();

async function setUp(given) {
  const [rows, missing] = [[], {}];
  for (const [name, make] of Object.entries(PEERS)) {
    let peer;
    try {
      peer = await make(given);
    } catch (error) {
      missing[name] = error.code ?? error.name; // not installed, or not for this machine
      continue;
    }
    const token = await peer.encode(given.state);
    deepStrictEqual({ ...(await peer.decode(token)) }, given.state);
    const operations = { encode: [peer.encode, given.state], decode: [peer.decode, token] };
    for (const [operation, [call, argument]] of Object.entries(operations)) {
      const until = performance.now() + WARM_UP_MS;
      while (performance.now() < until) await turn(call, argument, 10);
      found.set(`${name} ${operation}`, [call, argument]);
    }
    rows.push({ name, token });
  }
  const versions = { node: process.versions.node, openssl: process.versions.openssl };
  for (const name of Object.keys(JSON.parse(readFileSync(new URL("package.json", import.meta.url))).dependencies)) {
    versions[name] = version(name);
  }
  return { rows, missing, versions };
}

// Gives the version of an installed package, whose package.json not every package lets be imported.
function version(name) {
  try {
    const folder = resolve(name).split(`/node_modules/${name}/`)[0];
    return JSON.parse(readFileSync(`${folder}/node_modules/${name}/package.json`)).version;
  } catch {
    return null;
  }
}

async function turn(call, argument, calls) {
  // What answers at once is not waited for: that would cost it a turn of the event loop.
  const waits = call(argument) instanceof Promise;
  const begun = process.hrtime.bigint();
  if (waits) for (let left = calls; left > 0; left--) await call(argument);
  else for (let left = calls; left > 0; left--) call(argument);
  return Number(process.hrtime.bigint() - begun) / calls;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { setup, turn: asked } = JSON.parse(line);
  if (setup) process.stdout.write(`${JSON.stringify(await setUp(setup))}\n`);
  else {
    const [name, operation, calls] = asked;
    process.stdout.write(`${JSON.stringify(await turn(...found.get(`${name} ${operation}`), calls))}\n`);
  }
}
