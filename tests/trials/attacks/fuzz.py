"""Coverage-guided fuzzing of what reads hostile input (atheris, which is libFuzzer).

Usage: `python -m tests.trials.attacks.fuzz TARGET [--runs 10000000] [--seed 1] [--corpus FOLDER]`

TARGET is decode, claims, keys, cookies or legacy. It ends with exit code 0 after so many runs, or
at the first input that gave anything but what the documentation promises, which it writes to a
file.
"""

from __future__ import annotations

import argparse
import hmac
import json
import logging
import sys
import tempfile
import zlib
from base64 import urlsafe_b64encode
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atheris
import itsdangerous
from django.core import signing

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
    from tokensession.format.base64url import b64url_encode
    from tokensession.format.nesting import SAFE_NESTING
    from tokensession.legacy.django import DjangoReader
    from tokensession.legacy.express import ExpressReader
    from tokensession.legacy.flask import FlaskReader
    from tokensession.legacy.jwt import JWTReader
    from tokensession.legacy.reader import LegacySession
    from tokensession.legacy.starlette import StarletteReader
    from tokensession.tokens.sealing import Salt, TokenKey, context_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.legacy.reader import LegacyReader

VECTORS = Path(__file__).parents[3] / "vectors"
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
    """Any text is a session or a TokenError.

    So is any payload, signed (after a zero byte), and any claims, sealed and signed (after a one);
    those that are long enough for the walk over deep nesting are for `claims`.
    """
    token: str | bytes = data.decode("latin-1")
    if data[:1] == b"\x00":
        payload = b64url_encode(data[1:] or b"\x01")
        token = b"%b.%b.%b" % (KEY.header, payload, KEY.signature.sign(payload))
    elif data[:1] == b"\x01":
        token = KEY.token(data[1 : 1 + SAFE_NESTING], SALT, bytes(12))
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


SECRET = "the secret of another library"
_OPTIONS: dict[str, Any] = {"until": NOW + 1, "subject": lambda state: state.get("user_id")}


def _signed_by_itsdangerous(text: bytes, **options: Any) -> list[bytes]:
    return [itsdangerous.Signer(SECRET, digest_method=sha1, **options).sign(text)]


def _signed_by_django(text: bytes) -> list[bytes]:
    salt = "django.contrib.sessions.backends.signed_cookies"
    signer = signing.Signer(key=SECRET, salt=salt, fallback_keys=[])
    return [signer.sign(text.decode()).encode()]


def _signed_by_keygrip(text: bytes) -> list[bytes]:
    digest = hmac.digest(SECRET.encode(), b"express=" + text, "sha1")
    return [text, urlsafe_b64encode(digest).rstrip(b"=")]


def _signed_as_jwt(text: bytes) -> list[bytes]:
    return [text + b"." + b64url_encode(hmac.digest(SECRET.encode(), text, "sha256"))]


# Each reader, how its library signs, and what stands before and after the payload.
LEGACY: list[tuple[LegacyReader, Callable[[bytes], list[bytes]], bytes, bytes]] = [
    (
        FlaskReader(SECRET, cookie_name="flask", max_age=None, **_OPTIONS),
        lambda text: _signed_by_itsdangerous(
            text, salt=b"cookie-session", key_derivation="hmac"
        ),
        b"", b".amTwQA",
    ),
    (
        StarletteReader(SECRET, cookie_name="starlette", **_OPTIONS),
        lambda text: _signed_by_itsdangerous(text, key_derivation="django-concat"),
        b"", b".amTwQA",
    ),
    (
        DjangoReader(SECRET, cookie_name="django", **_OPTIONS),
        _signed_by_django, b"", b":1wnSVE",
    ),
    (
        ExpressReader(SECRET, cookie_name="express", since=NOW - 60, **_OPTIONS),
        _signed_by_keygrip, b"", b"",
    ),
    (
        JWTReader(SECRET, cookie_name="jwt", algorithm="HS256", since=NOW - 60, **_OPTIONS),
        _signed_as_jwt, b64url_encode(b'{"alg":"HS256"}') + b".", b"",
    ),
]  # fmt: skip
LEGACY_MANAGER: SessionManager[Any] = SessionManager(
    CODEC, legacy=[reader for reader, *_ in LEGACY]
)


def fuzz_legacy(data: bytes) -> None:
    """Any cookies of another library are a session or a TokenError, and never fail a request.

    The first byte chooses the library, the second what the rest is: cookies as they stand, what
    is signed, or its payload, compressed or not.
    """
    if len(data) < 2:
        return
    reader, sign, before, after = LEGACY[data[0] % len(LEGACY)]
    kind, content = data[1] % 4, data[2:]
    if kind == 0:
        values = [*content.split(b"\n"), b""][: len(reader.names)]
    elif kind == 1:
        values = sign(content.decode("latin-1").encode("ascii", "replace"))
    else:
        dot = b"." if kind == 3 else b""
        payload = zlib.compress(content) if dot else content
        values = sign(before + dot + b64url_encode(payload) + after)
    try:
        found = reader.read(tuple(values), NOW)
    except TokenError:
        pass
    else:
        assert isinstance(found, LegacySession)
        assert isinstance(found.state, dict)
    pairs = zip(reader.names, values, strict=False)
    line = b"; ".join(name.encode() + b"=" + value for name, value in pairs)
    session = LEGACY_MANAGER.open([(b"cookie", line)], now=NOW)
    assert session.refused is None or dict(session) == {}
    LEGACY_MANAGER.save(session, [], now=NOW)


TARGETS = {
    "decode": fuzz_decode,
    "claims": fuzz_claims,
    "keys": fuzz_keys,
    "cookies": fuzz_cookies,
    "legacy": fuzz_legacy,
}


_OBJECTS = (
    b'{"user_id":42,"a":[1,{"b":null}]}', b'{"a":{" t":[1,2]},"b":{" b":"AAA="},"c":{" d":"x"}}',
    b'{"d":{" d":"Thu, 26 Nov 2026 00:00:00 GMT"},"m":{" m":"x"},"di":{" di":{" t__":1}}}',
    b'{"iat":1785000000,"exp":1785003600,"nbf":1,"aud":[],"iss":"a","sub":"b"}', b"[[[[{}]]]]",
)  # fmt: skip
LEGACY_SEEDS = (
    [b"eyJhIjoxfQ.amTwQA.c2lnbmF0dXJl", b"eyJhIjoxfQ\nc2lnbmF0dXJl"],
    [b"eyJhIjoxfQ.amTwQA", b"eyJhIjoxfQ:1wnSVE", b"eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ"],
    _OBJECTS,
    _OBJECTS,
)
# Instrumented, the walk over deep nesting takes milliseconds: plaintexts stay short.
LONGEST = {"claims": 700, "legacy": 2000}


def _document(case: dict[str, Any]) -> bytes:
    """Return the document of a case as it is read."""
    if "bytes" in case:
        return bytes.fromhex(case["bytes"])
    return str(case["text"] if "text" in case else json.dumps(case["document"])).encode()


def seeds(target: str) -> list[bytes]:
    """Return what the vectors have to begin with."""
    files = {
        name: json.loads((VECTORS / f"{name}.json").read_bytes())["cases"]
        for name in ("claims", "keys", "tokens")
    }
    tokens = [case["token"].encode("latin-1", "replace") for case in files["tokens"]]
    plaintexts = [bytes.fromhex(case["plaintext"]) for case in files["claims"]]
    if target == "claims":
        return plaintexts
    if target == "keys":
        return [_document(case) for case in files["keys"]]
    if target == "cookies":
        return [b"a=b; __Host-session=" + token + b"\n__Host-session=x" for token in tokens]
    if target == "legacy":
        return [bytes((library, kind)) + text for library in range(len(LEGACY))
                for kind, texts in enumerate(LEGACY_SEEDS) for text in texts]  # fmt: skip
    short = [plaintext for plaintext in plaintexts if len(plaintext) <= SAFE_NESTING]
    return [*tokens, *(b"\x01" + plaintext for plaintext in short)]


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description="Fuzz what reads hostile input.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="kept between runs; a temporary one if none")
    options = parser.parse_args()
    logging.getLogger("tokensession").disabled = True  # it tells of each legacy cookie
    with tempfile.TemporaryDirectory() as temporary:
        corpus = options.corpus or Path(temporary)
        corpus.mkdir(exist_ok=True)
        longest = LONGEST.get(options.target, 9000)
        for number, data in enumerate(seeds(options.target)):
            if len(data) <= longest:
                (corpus / f"vector-{number}").write_bytes(data)
        arguments = [f"-runs={options.runs}", f"-seed={options.seed}", f"-max_len={longest}"]
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], TARGETS[options.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
