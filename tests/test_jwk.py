"""What is refused as a key, beyond the cases in vectors/keys.json (SPEC section 7)."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tokensession import ConfigError, KeyRing
from tokensession.jwk import Key, generate_key, parse_keys
from tokensession.published import published_source


def b64(data: bytes) -> str:
    """Return base64url text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks(ring: KeyRing) -> list[dict[str, Any]]:
    """Return the JWKs of a ring, as a copy to be spoilt."""
    listed: list[dict[str, Any]] = ring.to_jwks(private=True)["keys"]
    return listed


def secrets_of(ring: KeyRing) -> list[str]:
    """Return every secret text of a ring."""
    return [jwk[name] for jwk in jwks(ring) for name in ("k", "d") if name in jwk]


def test_a_key_never_shows_its_secret(ring: KeyRing) -> None:
    """Neither repr nor str, of key, ring or their containers, holds material."""
    (key,) = ring
    shown = f"{key!r} {key} {ring!r} {ring} {[ring]} {vars(type(key))!r}"
    assert secrets_of(ring)
    for secret in secrets_of(ring):
        assert secret not in shown


def test_a_key_is_not_pickled(ring: KeyRing) -> None:
    """A pickle would carry the secret; the message says what to do instead."""
    (key,) = ring
    with pytest.raises(TypeError, match="JWK Set"):
        pickle.dumps(key)
    with pytest.raises(TypeError, match="to_jwks"):
        pickle.dumps(ring)


def test_copies_are_the_key_itself(ring: KeyRing) -> None:
    """Keys and rings never change, so a deep copy of a configuration may share them."""
    (key,) = ring
    assert copy.deepcopy(key) is key
    assert copy.deepcopy(ring) is ring


def test_what_is_published_holds_no_secret(algorithm: str, ring: KeyRing) -> None:
    """Only public halves are published, as a stock JWK Set; HS256 has none."""
    public = ring.to_jwks()
    assert set(public) == {"keys"}
    assert len(public["keys"]) == (0 if algorithm == "HS256" else 1)
    for secret in secrets_of(ring):
        assert secret not in json.dumps(public)


def test_a_published_document_is_no_ring() -> None:
    """Loading it says what is missing."""
    with pytest.raises(ConfigError, match="without its A256GCM JWK"):
        KeyRing.from_jwks(KeyRing.generate("Ed25519").to_jwks())


@pytest.mark.parametrize(
    "text",
    [
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        ),
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        ),
        b'{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzK"}',
        b'{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzK"}]}',
    ],
    ids=["DER public", "DER private", "PEM public", "PEM encrypted", "SSH public", "SSH private",
         "JWK", "JWK Set"],
)  # fmt: skip
@pytest.mark.parametrize("encoded", [True, False])
def test_key_text_is_no_secret(text: bytes, encoded: bool) -> None:  # noqa: FBT001
    """PEM, DER, SSH and JWK text is refused as k, in base64url or (where it is text) as it is."""
    k = b64(text) if encoded else text.decode("latin-1")
    with pytest.raises(ConfigError, match=r"k is (a|an|the text of a) .*(key|JWK)|canonical") as no:
        parse_keys([{"kty": "oct", "kid": "a", "alg": "HS256", "k": k}])
    assert k not in str(no.value)


def test_random_secrets_are_no_key_text() -> None:
    """A generated key is always accepted again."""
    for algorithm in ("HS256", "Ed25519", "ES256"):
        for _ in range(50):
            (key,) = parse_keys(generate_key(algorithm).to_jwks(private=True))
            assert key.can_mint


def test_a_public_half_off_the_curve() -> None:
    """About half of all x are no point; a reader's ring with one would refuse every token."""
    (key,) = KeyRing.generate("Ed25519")
    signature, encryption = key.to_jwks(private=True)
    del signature["d"]

    def refused(n: int) -> bool:
        signature["x"] = b64(bytes([n]) + bytes(range(100, 131)))
        with contextlib.suppress(ConfigError):
            parse_keys([signature, encryption])
            return False
        return True

    assert 10 < sum(map(refused, range(40))) < 30
    signature["x"] = b64((2**255 - 19 + 3).to_bytes(32, "little"))
    with pytest.raises(ConfigError, match="canonical encoding"):
        parse_keys([signature, encryption])


def test_kids_are_short_and_differ() -> None:
    """A kid stands in every token, so a generated one has eight characters."""
    kids = {generate_key().kid for _ in range(200)}
    assert len(kids) == 200
    assert {len(kid) for kid in kids} == {8}


@pytest.mark.parametrize("algorithm", ["HS512", "EdDSA", "none", "RS256", "", "hs256", "A256GCM"])
def test_only_three_algorithms_are_generated(algorithm: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(ConfigError, match="alg"):
        generate_key(algorithm)


@pytest.mark.parametrize("kid", ["", "a" * 33, "a b", 'a"', "ä", "a\n"])
def test_a_kid_is_plain(kid: str) -> None:
    """It is composed into the header without escaping, so nothing else may stand in it."""
    with pytest.raises(ConfigError, match="kid must be 1 to 32"):
        generate_key(kid=kid)


def test_key_ops_of_a_reader_are_narrowed() -> None:
    """A signing JWK's key_ops would contradict the JWK without its private half."""
    signature, encryption = jwks(KeyRing.generate("Ed25519"))
    signature["key_ops"] = ["sign", "verify"]
    ring = KeyRing.from_jwks({"keys": [signature, encryption]})
    assert jwks(ring.reader())[0]["key_ops"] == ["verify"]
    assert ring.to_jwks()["keys"][0]["key_ops"] == ["verify"]


def test_published_secrets_are_known_by_their_bytes() -> None:
    """The list holds hashes; a member of it is found, another secret is not."""
    assert published_source(bytes(range(32))) == "the bytes 00 to 1f"
    assert published_source(bytes(range(1, 33))) is not None
    assert published_source(bytes(range(2, 34))) is None


def test_keys_are_values_of_their_jwks(ring: KeyRing) -> None:
    """Unknown members of a JWK are kept when it is written again."""
    listed = jwks(ring)
    listed[0]["note"] = {"made": ["by", "hand"]}
    assert jwks(KeyRing.from_jwks({"keys": listed})) == listed


def test_changing_what_was_handed_out_changes_nothing(ring: KeyRing) -> None:
    """The ring keeps its own copy of everything."""
    before = ring.to_jwks(private=True)
    handed = ring.to_jwks(private=True)
    handed["keys"][0].clear()
    handed["keys"].clear()
    assert ring.to_jwks(private=True) == before


def test_a_key_is_made_by_the_functions_only() -> None:
    """Its members say so; there is no loose way to give it a secret."""
    assert isinstance(generate_key(), Key)


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_revoked_key_is_not_published(algorithm: str) -> None:
    """Stock libraries do not know the member that says so, and would go on verifying."""
    ring = KeyRing.generate(algorithm, kid="leaked").add(algorithm).revoke("leaked")
    assert ring["leaked"].public_key is not None
    assert "leaked" not in [jwk["kid"] for jwk in ring.to_jwks()["keys"]]
    assert len(ring.to_jwks()["keys"]) == 1


def test_a_certificate_of_no_version() -> None:
    """As cryptography knows an error of its own for it, which is no ValueError."""
    key, name = ed25519.Ed25519PrivateKey.generate(), x509.Name([])
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends).sign(
        key, None
    )
    version = b"\xa0\x03\x02\x01"
    der = certificate.public_bytes(serialization.Encoding.DER)
    body = base64.encodebytes(der.replace(version + b"\x02", version + b"\x07")).decode()
    text = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    with pytest.raises(ConfigError, match="a PEM certificate"):
        parse_keys([{"kty": "oct", "kid": "k", "alg": "HS256", "k": text}])
