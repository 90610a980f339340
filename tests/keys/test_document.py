"""The document of a ring: what is read, and what is refused (SPEC section 7)."""

from __future__ import annotations

import contextlib
import json
import types
from typing import Any

import pytest

from tokensession import ConfigError, KeyRing
from tokensession.format.base64url import b64url_encode


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("-----BEGIN PUBLIC KEY-----", "not JSON"),
        ("", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("null", "JWK Set"),
        ("[]", "JWK Set"),
        ("{}", '"keys"'),
        ('{"keys": []}', "has no keys"),
        ('{"keys": {}}', "must be a list"),
        ('{"keys": "abc"}', "must be a list of JWKs, not str"),
        ('{"keys": [7]}', "must be a JWK"),
        ('{"keys": [], "keys": []}', "duplicate member"),
        ('{"keys": [], "serial": NaN}', "not JSON"),
        ({"keys": [], "x": object()}, "not JSON"),
        (None, "JWK Set"),
        (7, "JWK Set"),
    ],
)
def test_what_is_no_document_is_refused(document: Any, reason: str) -> None:
    """Each with what is wrong, and nothing but a ConfigError."""
    with pytest.raises(ConfigError, match=reason):
        KeyRing.from_jwks(document)


def test_errors_do_not_hold_the_document(hs256: KeyRing) -> None:
    """Neither the text of an error nor the chain behind it holds a secret."""
    text = json.dumps(hs256.to_jwks(private=True))[:-1]
    secret = hs256.to_jwks(private=True)["keys"][0]["k"]
    with pytest.raises(ConfigError) as caught:
        KeyRing.from_jwks(text)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda jwk: jwk | {"alg": ["HS256"]},
        lambda jwk: jwk | {"alg": {}},
        lambda jwk: jwk | {"k": "é" * 43},
        lambda jwk: jwk | {"k": 5},
        lambda jwk: jwk | {"kid": 5},
        lambda jwk: jwk | {"kty": []},
        lambda jwk: jwk | {"key_ops": ["sign"]},
        lambda jwk: jwk | {"revoked": 1, "alg": None},
    ],
)
def test_odd_members_end_in_a_config_error(hs256: KeyRing, spoil: Any) -> None:
    """A member of any wrong type is a ConfigError."""
    document = hs256.to_jwks(private=True)
    with pytest.raises(ConfigError) as caught:
        KeyRing.from_jwks({"keys": [spoil(document["keys"][0])]})
    assert caught.value.__context__ is None


def test_deep_members_are_refused(hs256: KeyRing) -> None:
    """A document nested beyond what JSON libraries take is no crash."""
    text = json.dumps(hs256.to_jwks(private=True))[:-1]
    for depth in (100, 900, 950, 980, 990, 995, 5000):
        document = f'{text}, "x": {"[" * depth}{"]" * depth}}}'
        with contextlib.suppress(ConfigError):
            assert KeyRing.from_jwks(document).serial == 0


def test_other_mappings_are_documents(hs256: KeyRing) -> None:
    """Any mapping will do."""
    document = types.MappingProxyType(hs256.to_jwks(private=True))
    assert len(KeyRing.from_jwks(document)) == 1


@pytest.mark.parametrize(
    "secret", [b'{"a":"bcdefghijklmnopqrstuvwxyz"}', b'"abcdefghijklmnopqrstuvwxyz0123"',
               b'["abcdefghijklmnopqrstuvwxyz01"]'],
)  # fmt: skip
def test_json_that_is_no_key_may_be_a_secret(secret: bytes) -> None:
    """Only a JWK or a set of them is one; 32 other bytes may look like anything."""
    k = b64url_encode(secret).decode()
    ring = KeyRing.from_jwks({"keys": [{"kty": "oct", "kid": "a", "alg": "HS256", "k": k}]})
    assert ring["a"].secret == secret


def test_dates_reach_to_the_last_exact_integer(hs256: KeyRing) -> None:
    """2**53 - 1 is a date, and one more is none."""
    (jwk,) = hs256.to_jwks(private=True)["keys"]
    ring = KeyRing.from_jwks({"keys": [{**jwk, "nbf": 2**53 - 2, "exp": 2**53 - 1}]})
    assert [(key.nbf, key.exp) for key in ring] == [(2**53 - 2, 2**53 - 1)]
    with pytest.raises(ConfigError, match="exp must be an integer of Unix seconds"):
        KeyRing.from_jwks({"keys": [{**jwk, "exp": 2**53}]})


def test_an_unknown_algorithm_is_named_as_such(hs256: KeyRing) -> None:
    """The error of an unknown algorithm lists the known ones, and says to upgrade readers first."""
    (jwk,) = hs256.to_jwks(private=True)["keys"]
    with pytest.raises(ConfigError, match="alg is not HS256, Ed25519, ES256 or A256GCM"):
        KeyRing.from_jwks({"keys": [{**jwk, "alg": "X25519"}]})


@pytest.mark.parametrize(
    "rotation", [[], "x", {"token_lifetime": 0}, {"token_lifetime": "1"}, {"token_lifetime": 1.5}]
)
def test_a_wrong_rotation_config_is_refused(hs256: KeyRing, rotation: Any) -> None:
    """It is named."""
    with pytest.raises(ConfigError, match="rotation"):
        KeyRing.from_jwks(hs256.to_jwks(private=True) | {"rotation": rotation})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le", "latin-1"])
def test_a_document_is_utf_8(hs256: KeyRing, encoding: str) -> None:
    """Text has one encoding, without a byte order mark (RFC 8259, 8.1), also in a file."""
    document = hs256.to_jwks(private=True) | {"owner": "Zoë"}
    text = json.dumps(document, ensure_ascii=False)
    assert len(KeyRing.from_jwks(text.encode())) == 1
    with pytest.raises(ConfigError, match="not JSON"):
        KeyRing.from_jwks(text.encode(encoding))
