// Runs Wycheproof's files in the folder that TOKENSESSION_WYCHEPROOF names (python -m tests.trials.wycheproof).
import { readFileSync } from "node:fs";

import { KeyRing } from "../src/index.js";
import { open, sameMac, verifySignature } from "../src/token.js";

const SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => 100 + index)).toString("base64url");
const base64 = (hex) => Buffer.from(hex, "hex").toString("base64url");
const bytes = (hex) => Buffer.from(hex, "hex");

/** Loads a public key, and verifies; a key that the loader refuses verifies nothing. */
function verifies(jwk, { msg, sig }) {
  const encryption = { kty: "oct", kid: "k", alg: "A256GCM", k: SECRET };
  let ring;
  try {
    ring = KeyRing.fromJwks({ keys: [{ ...jwk, kid: "k" }, encryption] });
  } catch (error) {
    if (error.name === "ConfigError") return false;
    throw error;
  }
  return verifySignature(ring.get("k"), bytes(msg), bytes(sig));
}

const FILES = {
  ed25519_test: [{}, ({ publicKey: { pk } }, test) => verifies({ kty: "OKP", crv: "Ed25519", alg: "Ed25519", x: base64(pk) }, test)],
  ecdsa_secp256r1_sha256_p1363_test: [{ sha: "SHA-256" },
    ({ publicKey: { uncompressed: point } }, test) =>
      verifies({ kty: "EC", crv: "P-256", alg: "ES256", x: base64(point.slice(2, 66)), y: base64(point.slice(66)) }, test)],
  hmac_sha256_test: [{ tagSize: 256 }, (_, { key, msg, tag }) => sameMac(bytes(key), bytes(msg), bytes(tag))],
  aes_gcm_test: [{ keySize: 256, ivSize: 96, tagSize: 128 }, (_, { key, iv, aad, ct, tag, msg }) => {
    try {
      return open(bytes(key), Buffer.concat([Buffer.alloc(9), bytes(iv), bytes(ct), bytes(tag)]), bytes(aad)).equals(bytes(msg));
    } catch (error) {
      if (error.code === "decrypt_failed") return false;
      throw error;
    }
  }],
};

let wrong = 0;
for (const [name, [sizes, run]] of Object.entries(FILES)) {
  const { testGroups } = JSON.parse(readFileSync(`${process.env.TOKENSESSION_WYCHEPROOF}/${name}.json`, "utf8"));
  const groups = testGroups.filter((group) => Object.entries(sizes).every(([size, value]) => group[size] === value));
  const answers = groups.flatMap((group) => group.tests.map((test) => run(group, test) === (test.result === "valid")));
  const failures = answers.filter((right) => !right).length;
  console.log(`${name}: ${answers.length} cases, ${failures} wrong`);
  wrong += failures;
}
process.exitCode = wrong === 0 ? 0 : 1;
