"""Signatures and ciphers against Project Wycheproof: ``python -m tests.trials.wycheproof FOLDER``.

FOLDER holds files of Wycheproof's ``testvectors_v1``: they are not part of this project. Keys go
through the loaders of each language, and what they sign through its own code, in Python, Node and
Go. A key that a loader refuses verifies nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokensession.errors import ConfigError
from tokensession.format.base64url import b64url_encode
from tokensession.keys.document import parse_keys
from tokensession.tokens import sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE = "TOKENSESSION_WYCHEPROOF"
INTEROP = Path(__file__).parents[2] / "interop"
SECRET = b64url_encode(bytes(range(100, 132))).decode()
_ENCRYPTION = {"kty": "oct", "use": "enc", "kid": "k", "alg": "A256GCM", "k": SECRET}

Test = dict[str, Any]


def _b64(digits: str) -> str:
    return b64url_encode(bytes.fromhex(digits)).decode()


def _verifies(jwk: Test, algorithm: object, test: Test) -> bool:
    try:
        (key,) = parse_keys([jwk, _ENCRYPTION])
    except ConfigError:
        return False
    signature = sealing._Asymmetric(algorithm, None, key.public_key, b"")
    return signature.verifies(bytes.fromhex(test["msg"]), b64url_encode(bytes.fromhex(test["sig"])))


def ed25519(group: Test, test: Test) -> bool:
    """Verify a signature of Ed25519."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": "Ed25519"}
    x = _b64(group["publicKey"]["pk"])
    return _verifies({**jwk, "x": x}, sealing._ED25519, test)


def es256(group: Test, test: Test) -> bool:
    """Verify a signature of ES256."""
    point = group["publicKey"]["uncompressed"]
    halves = {"x": _b64(point[2:66]), "y": _b64(point[66:])}
    jwk = {"kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", **halves}
    return _verifies(jwk, sealing._ES256, test)


def hmac(_: Test, test: Test) -> bool:
    """Verify a code of HMAC-SHA256."""
    mac = sealing._HS256(bytes.fromhex(test["key"]), b"")
    tag = b64url_encode(bytes.fromhex(test["tag"]))
    return mac.verifies(bytes.fromhex(test["msg"]), tag)


def aes_gcm(_: Test, test: Test) -> bool:
    """Open what AES-256-GCM has sealed."""
    key, nonce, aad, text, tag = (
        bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "ct", "tag")
    )
    try:
        return AESGCM(key).decrypt(nonce, text + tag, aad) == bytes.fromhex(test["msg"])
    except InvalidTag:
        return False


# File -> how its cases are run, and the groups of the sizes that the format has.
FILES: dict[str, tuple[Callable[[Test, Test], bool], Test]] = {
    "ed25519_test": (ed25519, {}),
    "ecdsa_secp256r1_sha256_p1363_test": (es256, {"sha": "SHA-256"}),
    "hmac_sha256_test": (hmac, {"tagSize": 256}),
    "aes_gcm_test": (aes_gcm, {"keySize": 256, "ivSize": 96, "tagSize": 128}),
}


def outcomes(folder: Path) -> Iterator[tuple[str, int, bool]]:
    """Give file, number and whether the answer is right, for each case of a size that is used."""
    for name, (run, sizes) in FILES.items():
        for group in json.loads((folder / f"{name}.json").read_bytes())["testGroups"]:
            if all(group[size] == value for size, value in sizes.items()):
                for test in group["tests"]:
                    yield name, test["tcId"], run(group, test) == (test["result"] == "valid")


def elsewhere(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the name and output of the runs in Node and Go; an exit code other than 0 raises."""
    commands = {
        "node": ("node", "fuzz/wycheproof.js"),
        "go": ("go", "test", "-count=1", "-v", "-run", "Wycheproof", "."),
    }
    for language, command in commands.items():
        done = subprocess.run(  # noqa: S603  # our own commands
            command, cwd=INTEROP / language, check=False, capture_output=True, text=True,
            env={**os.environ, VARIABLE: str(folder.resolve()), "CGO_ENABLED": "0"},
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{language}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        yield language, done.stdout


def main() -> int:
    """Run all three languages, and print how many cases each file has."""
    (folder,) = map(Path, sys.argv[1:])
    found = list(outcomes(folder))
    counts = Counter(name for name, _, _ in found)
    wrong = [f"{name} {number}" for name, number, right in found if not right]
    sys.stdout.write(f"python: {dict(counts)} wrong: {wrong}\n")
    for language, printed in elsewhere(folder):
        lines = [line.strip() for line in printed.splitlines() if "cases" in line]
        sys.stdout.write(f"{language}: {'; '.join(lines)}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
