"""What befell JOSE libraries, tried on this one: each test is named after its advisories."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import traceback
import zlib
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.conftest import NOW
from tokensession import (
    BadSignature,
    ConfigError,
    KeyRing,
    Malformed,
    NotYetValid,
    TokenError,
    UnknownKey,
    decode,
    encode,
)
from tokensession.format.claims import write_claims
from tokensession.tokens.sealing import Salt, TokenKey, context_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def b64u(data: bytes | str | dict[str, Any]) -> str:
    """Return base64url without padding of bytes, text or compact JSON."""
    if isinstance(data, dict):
        data = json.dumps(data, separators=(",", ":"))
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def kid(ring: KeyRing) -> str:
    """Return the kid of a ring's only key."""
    (key,) = ring
    return key.kid


def with_header(token: str, **members: Any) -> str:
    """Return a token under a header with members replaced or added."""
    header, payload, signature = token.split(".")
    text = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return f"{b64u(text | members)}.{payload}.{signature}"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["HS256"]])
def test_alg_none(ring: KeyRing, alg: Any) -> None:
    """CVE-2015-9235 and its like: no spelling of an unsigned token is read."""
    token = with_header(encode({}, ring), alg=alg)
    header, payload, _ = token.split(".")
    for forged in (token, f"{header}.{payload}.", f"{header}.{payload}", f"{header}.{payload}.AA"):
        with pytest.raises((UnknownKey, Malformed)):
            decode(forged, ring)
    with pytest.raises(Malformed):
        decode(f"{encode({}, ring).rsplit('.', 1)[0]}.", ring)


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_public_key_as_hmac_secret(algorithm: str) -> None:
    """CVE-2016-5431, CVE-2016-10555: what is public of a key makes no HMAC that verifies."""
    ring = KeyRing.generate(algorithm)
    (key,) = ring
    assert key.public_key is not None
    encodings = serialization.Encoding, serialization.PublicFormat
    pem = key.public_key.public_bytes(encodings[0].PEM, encodings[1].SubjectPublicKeyInfo)
    der = key.public_key.public_bytes(encodings[0].DER, encodings[1].SubjectPublicKeyInfo)
    ssh = key.public_key.public_bytes(encodings[0].OpenSSH, encodings[1].OpenSSH)
    (jwk,) = ring.to_jwks()["keys"]
    payload = encode({}, ring).split(".")[1]
    for header in (b64u({"alg": "HS256", "kid": key.kid}), encode({}, ring).split(".")[0]):
        for secret in (pem, der, ssh, json.dumps(jwk).encode(), der[-32:], b""):
            signed = f"{header}.{payload}"
            forged = hmac.digest(secret, signed.encode(), hashlib.sha256)
            with pytest.raises((UnknownKey, Malformed)):
                decode(f"{signed}.{b64u(forged)}", ring)


def _encoded_keys() -> Iterator[tuple[str, bytes]]:
    private: dict[str, Private] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    none = serialization.NoEncryption()
    for name, key in private.items():
        public = key.public_key()
        for encoding, form in (("PEM", "SubjectPublicKeyInfo"), ("DER", "SubjectPublicKeyInfo"),
                               ("OpenSSH", "OpenSSH")):  # fmt: skip
            yield (
                f"{name} public {encoding}",
                public.public_bytes(
                    getattr(serialization.Encoding, encoding),
                    getattr(serialization.PublicFormat, form),
                ),
            )
        for encoding, form in (("PEM", "PKCS8"), ("DER", "PKCS8"), ("PEM", "OpenSSH")):
            yield (
                f"{name} private {encoding} {form}",
                key.private_bytes(
                    getattr(serialization.Encoding, encoding),
                    getattr(serialization.PrivateFormat, form),
                    none,
                ),
            )
    yield "JWK", json.dumps({"kty": "oct", "k": "c2VjcmV0LTEy"}).encode()
    yield "JWK Set", json.dumps({"keys": []}).encode() + b" " * 30


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(name, data, id=name) for name, data in _encoded_keys()]
)
def test_an_encoded_key_as_secret(name: str, data: bytes) -> None:
    """CVE-2017-11424, CVE-2022-29217, CVE-2024-33663: PEM, DER, SSH and JWK text is no secret."""
    for text in (b64u(data), data.decode("latin-1")):
        document = {"keys": [{"kty": "oct", "kid": "k1", "alg": "HS256", "k": text}]}
        with pytest.raises(ConfigError) as caught:
            KeyRing.from_jwks(document)
        assert text[8:40] not in str(caught.value), name


@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["bork"], "bork": True},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"},
        {"typ": "JWT"},
        {"cty": "JWT"},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/cert"},
        {"x5c": ["MIIB"]},
        {"enc": "A256GCM"},
    ],
    ids=str,
)
def test_further_header_members(ring: KeyRing, members: dict[str, Any]) -> None:
    """CVE-2025-59420 (crit), CVE-2024-33664 (zip), jku, x5c, b64: only the exact header."""
    with pytest.raises(UnknownKey):
        decode(with_header(encode({}, ring), **members), ring)


def test_an_embedded_key(ring: KeyRing) -> None:
    """CVE-2018-0114: a token that brings the key it is signed with is not believed."""
    attacker = KeyRing.generate("Ed25519", kid=kid(ring))
    (jwk,) = attacker.to_jwks()["keys"]
    token = encode({}, attacker)
    header = b64u({"alg": "Ed25519", "kid": kid(ring), "jwk": jwk})
    signed = f"{header}.{token.split('.')[1]}"
    key = next(iter(attacker)).private_key
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    for forged in (f"{signed}.{b64u(key.sign(signed.encode()))}", token):
        with pytest.raises((UnknownKey, BadSignature, Malformed)):
            decode(forged, ring)


def test_a_compressed_payload_is_not_inflated(ring: KeyRing) -> None:
    """CVE-2024-33664: what would inflate to 100 MB is refused for its signature, unread."""
    header, _, signature = encode({}, ring).split(".")
    bomb = b64u(zlib.compress(bytes(4_000_000)))
    assert len(bomb) < 6000
    with pytest.raises(BadSignature):
        decode(f"{header}.{bomb}.{signature}", ring)


@pytest.mark.parametrize("k", ["", "AA", "A" * 42, b64u(bytes(32)), b64u(b"secret" * 6)])
def test_empty_and_weak_secrets(k: str) -> None:
    """CVE-2020-28042 and leaked defaults: no empty, short or patterned secret makes a ring."""
    with pytest.raises(ConfigError):
        KeyRing.from_jwks({"keys": [{"kty": "oct", "kid": "k1", "alg": "HS256", "k": k}]})


def test_psychic_signatures() -> None:
    """CVE-2022-21449: r and s of zero, and of the group's order, verify nothing."""
    ring = KeyRing.generate("ES256")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signed = encode({}, ring).rsplit(".", 1)[0]
    for r, s in ((0, 0), (0, 1), (1, 0), (order, order), (order, 1), (1, order), (2**256 - 1, 1)):
        with pytest.raises(BadSignature):
            decode(f"{signed}.{b64u(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}", ring)


def test_a_der_signature_is_none() -> None:
    """An ES256 signature has one encoding, r || s, and never DER's."""
    ring = KeyRing.generate("ES256")
    key = next(iter(ring)).private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = encode({}, ring).rsplit(".", 1)[0]
    der = key.sign(signed.encode(), ec.ECDSA(SHA256()))
    with pytest.raises(Malformed):
        decode(f"{signed}.{b64u(der)}", ring)


@pytest.mark.parametrize(
    "order_point",
    [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"],
)
def test_an_ed25519_key_of_small_order(order_point: bytes) -> None:
    """With such a key a signature of zeros can verify any message; no ring takes it."""
    ring = KeyRing.generate("Ed25519")
    document = ring.reader().to_jwks(private=True)
    document["keys"][0]["x"] = b64u(order_point)
    with pytest.raises(ConfigError, match="small order"):
        KeyRing.from_jwks(document)


def test_issuers_compared_by_substring() -> None:
    """CVE-2024-53861: a kid is compared whole; a part of it, or more than it, is another."""
    ring = KeyRing.generate(kid="acme")
    token = encode({}, ring)
    for other in ("acm", "a", "acme2", "xacme", "ACME", "acme ", ""):
        with pytest.raises(UnknownKey):
            decode(with_header(token, kid=other), ring)
    for other in ("ac", "acme2"):
        foreign = encode({}, KeyRing.generate(kid=other))
        with pytest.raises(UnknownKey):
            decode(foreign, ring)


@pytest.mark.parametrize("value", [True, False, "1785000000", 1e30, float("inf"), 2**53, -1, None])
def test_bool_and_huge_dates_of_keys(value: Any) -> None:
    """A key's dates are integers in range; true is not 1, and nothing overflows."""
    jwk = KeyRing.generate().to_jwks(private=True)["keys"][0]
    for member in ("nbf", "exp"):
        with pytest.raises(ConfigError):
            KeyRing.from_jwks({"keys": [jwk | {member: value}]})


@pytest.mark.parametrize(
    "dates",
    [
        {"iat": True}, {"iat": 1785000000.0}, {"iat": 2**64 - 1}, {"iat": -1}, {"ttl": True},
        {"ttl": 2**32}, {"ttl": 0}, {"age": NOW + 1}, {"age": -1}, {"iat": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_bool_and_huge_dates_of_claims(hs256: KeyRing, dates: dict[str, Any]) -> None:
    """Not even an authentic token can be born, live or end at a time that is none."""
    (key,) = hs256
    sealer = TokenKey(key, context_bytes("session"))
    claims: dict[str, Any] = {"iat": NOW, "ttl": 60, "age": 0} | dates
    plaintext = write_claims(bytes(16), **claims, sub=None, state={}, cap=None)
    salt = Salt(bytes(8), sealer.cipher(bytes(8)))
    token = sealer.token(plaintext, salt, bytes(12)).decode()
    with pytest.raises(TokenError) as caught:
        decode(token, hs256, now=NOW)
    assert caught.value.code == "bad_claims"


def test_exceptions_do_not_carry_the_token(ring: KeyRing, caplog: pytest.LogCaptureFixture) -> None:
    """No text, cause, context or log of a refusal shows a stretch of the token or its state."""
    caplog.set_level(logging.DEBUG)
    token = encode({"password": "correct horse"}, ring, now=NOW)
    header, payload, signature = token.split(".")
    bad = [f"{header}.{payload}.{signature[::-1]}", f"{payload}.{header}.{signature}", token + "=",
           f"{header}.{payload[:-8]}.{signature}", token.swapcase(),
           f"x.{payload}.{signature}"]  # fmt: skip
    errors = []
    for text in bad:
        with pytest.raises(TokenError) as caught:
            decode(text, ring, now=NOW)
        errors.append(caught.value)
    with pytest.raises(NotYetValid) as early:
        decode(token, ring, now=NOW - 61)
    for error in (*errors, early.value):
        shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + caplog.text
        assert payload[20:40] not in shown
        assert signature[4:20] not in shown
        assert "correct horse" not in shown
        assert error.__cause__ is None


def test_a_token_is_not_a_jwt_for_others(hs256: KeyRing) -> None:
    """A library that takes it for a JWT finds no claims: the payload is no JSON."""
    token = encode({"admin": True}, hs256)
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(token, options={"verify_signature": False})
