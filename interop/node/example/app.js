// An Express service that reads the sessions which a Python service minted, and cannot forge any.
//
//   tokensession keys new session-keys.json --algorithm Ed25519        for the Python service
//   tokensession keys export-reader session-keys.json --output reader-keys.json
//   READER_KEYS=reader-keys.json node example/app.js
import { readFileSync } from "node:fs";

import express from "express";

import { KeyRing, TokenError, decodeCookie } from "tokensession";

const ring = KeyRing.fromJwks(readFileSync(process.env.READER_KEYS, "utf8"), { fromStore: true });
const limits = { absoluteTimeout: 8 * 3600 }; // that of the Python service's policy

/** Puts the session of the request, or undefined, into `request.session`. */
function session(request, response, next) {
  response.vary("Cookie");
  try {
    request.session = decodeCookie(request.headers.cookie, "__Host-session", ring, limits);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    request.session = undefined; // to the client all refusals look the same: no session
  }
  next();
}

const app = express();
app.disable("x-powered-by");
app.use(session);
app.get("/basket", (request, response) => {
  response.set("Cache-Control", "no-store");
  if (request.session === undefined) return response.status(401).json({ error: "sign in first" });
  const { subject, state } = request.session;
  return response.json({ subject, basket: state.basket ?? [] });
});

const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
