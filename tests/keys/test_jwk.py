"""What is refused as a key, beyond the cases in vectors/keys.json (SPEC section 7)."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing
from tokensession.keys.document import parse_keys
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.known_secrets import check_unpublished, published_source


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
    with pytest.raises(ConfigError, match="its A256GCM JWK is missing"):
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
    reason = r"k is (a|an|the text of a) .*(key|JWK), not a symmetric secret"
    if not encoded and not text.isascii():  # DER is never kept as a str
        reason = "canonical"
    with pytest.raises(ConfigError, match=reason) as no:
        parse_keys([{"kty": "oct", "kid": "a", "alg": "HS256", "k": k}])
    assert k not in str(no.value)


@pytest.mark.parametrize(
    ("algorithm", "size", "needed"),
    [("HS256", 31, "32 to 64"), ("HS256", 65, "32 to 64"), ("Ed25519", 33, "32")],
)
def test_how_long_a_secret_has_to_be(algorithm: str, size: int, needed: str) -> None:
    """The error gives the length of a short secret, and the length to use."""
    listed = jwks(KeyRing.generate(algorithm))
    listed[-1]["k"] = b64(bytes(range(size)))
    with pytest.raises(ConfigError, match=f"k has {size} bytes: use {needed} random ones"):
        parse_keys(listed)


def test_random_secrets_are_no_key_text() -> None:
    """A generated key is always accepted again."""
    for algorithm in ("HS256", "Ed25519", "ES256"):
        for _ in range(50):
            (key,) = parse_keys(generate_key(algorithm).to_jwks(private=True))
            assert key.can_mint


def test_a_public_half_off_the_curve() -> None:
    """About half of all y are no point's; a reader's ring with one would refuse every token."""
    (key,) = KeyRing.generate("Ed25519")
    signature, encryption = key.to_jwks(private=True)
    del signature["d"]

    def refused(n: int) -> bool:
        signature["x"] = b64(n.to_bytes(32, "little"))
        with contextlib.suppress(ConfigError):
            parse_keys([signature, encryption])
            return False
        return True

    # As decoded by RFC 8032, 5.1.3: only 0 and 1, which are of small order, have an x besides.
    points = {3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29, 30}
    assert {n for n in range(31) if not refused(n)} == points
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
    with pytest.raises(ConfigError, match="invalid kid: use 1 to 32"):
        generate_key(kid=kid)


def test_key_ops_of_a_reader_are_narrowed() -> None:
    """A signing JWK's key_ops would contradict the JWK without its private half."""
    signature, encryption = jwks(KeyRing.generate("Ed25519"))
    signature["key_ops"] = ["sign", "verify"]
    ring = KeyRing.from_jwks({"keys": [signature, encryption]})
    assert jwks(ring.reader())[0]["key_ops"] == ["verify"]
    assert ring.to_jwks()["keys"][0]["key_ops"] == ["verify"]


def test_no_secret_of_the_vectors_is_taken_from_a_file() -> None:
    """A file's key is refused if its secret stands in any document of the vectors."""
    path = Path(__file__).parents[2] / "vectors" / "keys.json"
    taken = []
    for case in json.loads(path.read_text())["cases"]:
        if case["expect"] == "ok" and "document" in case:
            ring = KeyRing.from_jwks(case["document"])
            if any(key.secret is not None for key in ring):
                with contextlib.suppress(ConfigError):
                    check_unpublished(ring)
                    taken.append(case["id"])
    assert taken == []


def test_published_secrets_are_known_by_their_bytes() -> None:
    """The list holds hashes; a member of it is found, another secret is not."""
    assert published_source(bytes(range(32))) == "the bytes 00 to 1f"
    assert published_source(bytes(range(1, 33))) is not None
    assert published_source(bytes(range(2, 34))) is None


@pytest.mark.parametrize(
    ("source", "members"),
    [
        (
            "RFC 8037 appendix A.1",
            {
                "kty": "OKP", "crv": "Ed25519", "alg": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            },
        ),
        (
            "RFC 7515 appendix A.3",
            {
                "kty": "EC", "crv": "P-256", "alg": "ES256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
            },
        ),
    ],
    ids=["Ed25519", "ES256"],
)  # fmt: skip
def test_a_published_private_half_is_refused(source: str, members: dict[str, str]) -> None:
    """A published private key is refused beside any encryption key; its reader is accepted."""
    encryption = jwks(KeyRing.generate("Ed25519"))[1] | {"kid": "a"}
    keys = parse_keys([{**members, "kid": "a"}, encryption])
    with pytest.raises(ConfigError, match=f"its d is a published example .{source}"):
        check_unpublished(keys)
    check_unpublished(key.reader() for key in keys)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([{"alg": "A256GCM", "kty": "oct", "use": "enc"}, {}], "two JWKs have one purpose"),
        ([{}, {"alg": "Ed25519", "kty": "OKP", "crv": "Ed25519"}], "two JWKs have one purpose"),
        ([{"alg": None}, {}], "alg is missing"),
        ([{"alg": 7}, {}], "alg is missing"),
        ([{"alg": ["Ed25519"]}, {}], "alg is missing"),
        ([{"alg": "EdDSA"}, {}], 'write "Ed25519"'),
        ([{}, {"alg": "A128GCM"}], "alg is not HS256, Ed25519, ES256 or A256GCM"),
        ([{"kty": "EC"}, {}], "alg Ed25519 needs kty 'OKP'"),
        ([{}, {"kty": "OKP"}], 'alg A256GCM needs kty "oct"'),
        ([{"key_ops": None}, {}], "key_ops must be a list of str"),
        ([{"key_ops": "sign"}, {}], "key_ops must be a list of str"),
        ([{}, {"key_ops": ["encrypt", "decrypt", 5]}], "key_ops must be a list of str"),
        ([{}, {"key_ops": [["encrypt"]]}], "key_ops must be a list of str"),
        ([{"key_ops": ["verify"]}, {}], "list sign, and only sign and verify"),
        ([{}, {"key_ops": ["decrypt"]}], "list encrypt and decrypt, and only"),
    ],
)
def test_a_pair_is_refused_with_what_is_wrong(members: list[dict[str, Any]], reason: str) -> None:
    """The error of a bad pair names the key and what it needs."""
    listed = jwks(KeyRing.generate("Ed25519", kid="a"))
    spoilt = [{**jwk, **changed} for jwk, changed in zip(listed, members, strict=True)]
    with pytest.raises(ConfigError, match=f"^key 'a': .*{reason}"):
        parse_keys(spoilt)


def test_an_encryption_jwk_alone_is_refused() -> None:
    """It says what is missing: nothing would sign."""
    with pytest.raises(ConfigError, match="its A256GCM JWK has no signature JWK"):
        parse_keys(jwks(KeyRing.generate("Ed25519"))[1:])


@pytest.mark.parametrize("kid", ["", "a b", 5, ["a"], None])
def test_a_jwk_without_a_good_kid_is_found_by_its_place(kid: object) -> None:
    """There is no name to call it by."""
    listed = [*jwks(KeyRing.generate()), *jwks(KeyRing.generate())]
    listed[1]["kid"] = kid
    with pytest.raises(ConfigError, match=r"^keys\[1\]: invalid kid: use 1 to 32 characters"):
        parse_keys(listed)


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


def test_a_key_is_shown_with_its_dates_and_whether_it_is_revoked() -> None:
    """A key's repr has its dates and never its material."""
    ring = KeyRing([generate_key(kid="a", nbf=7)])
    assert repr(ring["a"]) == "<Key 'a' HS256 nbf=7, exp=None can_mint=True>"
    revoked = ring.revoke("a", now=NOW)["a"]
    assert repr(revoked) == "<Key 'a' HS256 nbf=7, exp=None, revoked can_mint=True>"


def test_what_is_no_algorithm_makes_no_key() -> None:
    """An unknown algorithm's error speaks of the requested key, not of a document."""
    with pytest.raises(ConfigError, match=r"^cannot generate a key: "):
        KeyRing.generate("HS512")


def test_a_tombstone_keeps_all_but_the_material(algorithm: str) -> None:
    """Its name, its dates and why; nothing that signs, verifies or decrypts."""
    ring = KeyRing([generate_key(algorithm, kid="a", nbf=7)]).revoke("a", reason="lost", now=NOW)
    (left,) = ring["a"].tombstone().to_jwks(private=True)
    used = ring["a"].digests()
    assert left.pop("revoked") == {"revoked_at": NOW, "reason": "lost", "used": used}
    assert left.keys() <= {"kty", "kid", "alg", "crv", "use", "nbf"}
    assert (left["kid"], left["alg"], left["nbf"]) == ("a", algorithm, 7)


def test_no_other_key_has_the_secret_of_a_tombstone(algorithm: str) -> None:
    """A new key with the secret of a revoked one is refused by the tombstone's digest."""
    key = generate_key(algorithm, kid="a")
    left = KeyRing([key]).revoke("a", now=NOW)["a"].tombstone().to_jwks(private=True)
    k = key.to_jwks(private=True)[-1]["k"]
    signature, encryption = generate_key("Ed25519", kid="b").to_jwks(private=True)
    for again in ([signature, encryption | {"k": k}],
                  [{"kty": "oct", "kid": "b", "alg": "HS256", "k": k}]):  # fmt: skip
        with pytest.raises(ConfigError, match="has the material of 'a', which is revoked"):
            KeyRing.from_jwks({"keys": [*left, *again]})
