"""Coverage-guided fuzzing of what reads hostile input (atheris, which is libFuzzer).

Usage: `python -m tests.attacks.fuzz TARGET [--runs 10000000] [--seed 1] [--corpus FOLDER]`

TARGET is decode, claims, keys or cookies. It ends with exit code 0 after so many runs, or at the
first input that gave anything but what the documentation promises, which it writes to a file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["tokensession"]):
    from tokensession import (
        ConfigError,
        KeyRing,
        Policy,
        Session,
        SessionCodec,
        SessionManager,
        TokenError,
        decode,
        encode,
    )
    from tokensession.base64url import b64url_encode
    from tokensession.tokenkeys import Salt, TokenKey, context_bytes

VECTORS = Path(__file__).parents[2] / "vectors"
NOW = 1_785_000_100  # the moment of most vectors
RINGS = {
    name: KeyRing.from_jwks(ring)
    for name, ring in json.loads((VECTORS / "tokens.json").read_bytes())["rings"].items()
}
CODEC: SessionCodec[Any] = SessionCodec(RINGS["main"], policy=Policy(absolute_timeout=None))
MANAGER: SessionManager[Any] = SessionManager(CODEC)
KEY = TokenKey(RINGS["main"]["hs-1"], context_bytes("session"))
SALT = Salt(bytes(8), KEY.cipher(bytes(8)))


def fuzz_decode(data: bytes) -> None:
    """Any text, or after a zero byte any payload, which is signed, is a session or a TokenError."""
    token: str | bytes = data.decode("latin-1")
    if data[:1] == b"\x00":
        payload = b64url_encode(data[1:] or b"\x01")
        token = b"%b.%b.%b" % (KEY.header, payload, KEY.signature.sign(payload))
    try:
        session = CODEC.decode(token, now=NOW)
    except TokenError:
        return
    assert isinstance(session, Session)


def fuzz_claims(data: bytes) -> None:
    """Any plaintext in an authentic token does; and a state that was read can be packed or told."""
    try:
        session = CODEC.decode(KEY.token(data, SALT, bytes(12)), now=NOW)
    except TokenError as error:
        assert error.code in ("bad_claims", "malformed", "expired", "not_yet_valid")  # noqa: PT017
        return
    assert len(session.sid) == 16
    assert 0 <= session.started_at <= session.issued_at < session.expires_at
    assert session.issued_at - 60 <= NOW < session.expires_at


def fuzz_keys(data: bytes) -> None:
    """Any document makes a ring or a ConfigError; a ring is what its own document says."""
    try:
        ring = KeyRing.from_jwks(data)
    except ConfigError as error:
        assert error.__cause__ is None  # noqa: PT017
        return
    again = KeyRing.from_jwks(ring.to_jwks(private=True))
    assert again.states(NOW) == ring.states(NOW)
    active = ring.active(NOW)
    if active is not None:
        assert decode(encode({}, ring, now=NOW), ring, now=NOW).kid == active.kid


def fuzz_cookies(data: bytes) -> None:
    """Any headers give a session; reading it neither fails nor sets a cookie."""
    lines = data.split(b"\n")
    session = MANAGER.open([(b"cookie", line) for line in lines], now=NOW)
    assert session.refused is None or dict(session) == {}
    headers: list[tuple[bytes, bytes]] = []
    MANAGER.save(session, headers, now=NOW)
    assert headers[0] == (b"vary", b"Cookie")


TARGETS = {
    "decode": fuzz_decode,
    "claims": fuzz_claims,
    "keys": fuzz_keys,
    "cookies": fuzz_cookies,
}


def seeds(target: str) -> list[bytes]:
    """Return what the vectors have to begin with."""
    files = {
        name: json.loads((VECTORS / f"{name}.json").read_bytes())["cases"]
        for name in ("claims", "keys", "tokens")
    }
    tokens = [case["token"].encode("latin-1", "replace") for case in files["tokens"]]
    if target == "claims":
        return [bytes.fromhex(case["plaintext"]) for case in files["claims"]]
    if target == "keys":
        return [
            case["text"].encode() if "text" in case else json.dumps(case["document"]).encode()
            for case in files["keys"]
        ]
    if target == "cookies":
        return [b"a=b; __Host-session=" + token + b"\n__Host-session=x" for token in tokens]
    return tokens


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description="Fuzz what reads hostile input.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="kept between runs; a temporary one if none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        corpus = options.corpus or Path(temporary)
        corpus.mkdir(exist_ok=True)
        # Instrumented, the walk over deep nesting takes milliseconds: plaintexts stay short.
        longest = 700 if options.target == "claims" else 9000
        for number, data in enumerate(seeds(options.target)):
            if len(data) <= longest:
                (corpus / f"vector-{number}").write_bytes(data)
        arguments = [f"-runs={options.runs}", f"-seed={options.seed}", f"-max_len={longest}"]
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], TARGETS[options.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
