// Runs every case of ../../../vectors that this package has the ability for.
import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyRing, TokenError, decode } from "../src/index.js";
import { NAMES, load, runCase } from "./cases.js";

for (const name of NAMES) {
  const content = load(name);
  test(`${name}: ${content.count} cases`, async (context) => {
    assert.equal(content.cases.length, content.count);
    assert.equal(content.format, "tokensession/v1");
    for (const vector of content.cases) await context.test(vector.id, () => runCase(name, vector, content));
  });
}

test("a token that is not a string is malformed", () => {
  const ring = KeyRing.fromJwks(load("tokens").rings.main);
  for (const token of [undefined, null, 7, {}, [], Buffer.from("a.b.c"), Symbol("token")]) {
    assert.throws(() => decode(token, ring), (error) => error instanceof TokenError && error.code === "malformed");
  }
});
