"""Encrypting and signing: salts, nonces, derived keys, and what stock libraries verify."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import jwt
import pytest
from jwt.algorithms import HMACAlgorithm, OKPAlgorithm

from tests.conftest import ALGORITHMS, NOW
from tests.forks import fork
from tests.tokens.samples import RINGS, TOKENS
from tokensession import ConfigError, KeyRing, SessionCodec, encode
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.tokens import sealing
from tokensession.tokens.sealing import derive


def salt_of(token: str) -> bytes:
    """Return the salt in a token."""
    return b64url_decode(token.split(".")[1].encode())[1:9]


def test_a_stock_library_verifies_our_tokens(ring: KeyRing, algorithm: str) -> None:
    """A stock JOSE library verifies a token, and refuses a changed one."""
    token = encode({"user_id": 42}, ring)
    (key,) = ring
    jws = jwt.api_jws.PyJWS()
    stock_key: Any = key.public_key
    if algorithm == "HS256":
        assert key.secret is not None
        stock_key = derive(key.secret, b"sig", b"session")
    elif algorithm == "Ed25519":
        jws.register_algorithm("Ed25519", OKPAlgorithm())  # no name of RFC 9864 yet
    payload = jws.decode(token, stock_key, algorithms=[algorithm])
    assert payload[0] == 1
    assert jws.get_unverified_header(token) == {"alg": algorithm, "kid": key.kid}
    header, body, signature = token.split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        jws.decode(f"{header}.B{body[1:]}.{signature}", stock_key, algorithms=[algorithm])


def test_the_pre_keyed_hmac_is_pyjwts() -> None:
    """The copied HMAC gives what PyJWT's algorithm gives for the whole input."""
    (key,) = RINGS[0]
    header, payload, signature = TOKENS[0].encode().split(b".")
    assert key.secret is not None
    hs256 = HMACAlgorithm(HMACAlgorithm.SHA256)
    mac = hs256.sign(header + b"." + payload, derive(key.secret, b"sig", b"session"))
    assert b64url_encode(mac) == signature


def test_salt_and_nonce_never_repeat(hs256: KeyRing) -> None:
    """Nonces are fresh for each token, and a salt serves 4096 tokens at the most."""
    codec = SessionCodec(hs256)
    tokens = [codec.encode({}, now=NOW) for _ in range(2 * 4096 + 10)]
    seen = {b64url_decode(token.split(".")[1].encode())[1:21] for token in tokens}
    assert len(seen) == len(tokens)
    salts = [salt_of(token) for token in tokens]
    assert len(set(salts)) == 3
    assert {salts.count(salt) for salt in set(salts)} == {4096, 10}


def test_a_salt_ages(hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 15 minutes of the monotonic clock a new one is drawn."""
    clock = 1000.0
    monkeypatch.setattr(sealing, "monotonic", lambda: clock)
    codec = SessionCodec(hs256)
    first = salt_of(codec.encode({}))
    clock += 900 - 0.001
    assert salt_of(codec.encode({})) == first
    clock += 0.001
    assert salt_of(codec.encode({})) != first


@pytest.mark.parametrize("hooks", [True, False])
def test_a_child_draws_its_own_salt(hs256: KeyRing, *, hooks: bool) -> None:
    """After a fork parent and child never seal under the same salt."""
    codec = SessionCodec(hs256)
    before = salt_of(codec.encode({}))

    def check() -> None:
        salt = salt_of(codec.encode({}))
        assert salt != before
        assert salt_of(codec.encode({})) == salt

    assert fork(check, hooks=hooks)()
    assert salt_of(codec.encode({})) == before


def test_threads_share_a_salt_within_its_bound(hs256: KeyRing) -> None:
    """Threads share a salt, and no salt seals more than 4096 tokens."""
    codec = SessionCodec(hs256)
    salts: list[bytes] = []

    def work() -> None:
        salts.extend(salt_of(codec.encode({})) for _ in range(2500))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(salts.count(salt) for salt in set(salts)) <= 4096


def test_a_dropped_codec_drops_its_keys() -> None:
    """Nothing global keeps the secrets of a codec that is no longer used."""
    ring = KeyRing.generate()
    codec = SessionCodec(ring)
    codec.decode(codec.encode({}))
    made = [
        weakref.ref(thing)
        for thing in gc.get_objects()
        if type(thing) is sealing.TokenKey and thing.kid in ring
    ]
    assert made
    del codec
    gc.collect()
    assert not [key for key in made if key() is not None]


@pytest.mark.parametrize("ring", RINGS, ids=ALGORITHMS)
def test_the_length_of_a_token_is_known_before_it_is_made(ring: KeyRing) -> None:
    """The length is exact for each remainder of the division by three."""
    key = sealing.TokenKey(next(iter(ring)), b"session")
    for size in range(1, 40):
        token = key.token(bytes(size), key.salt(), bytes(12))
        assert key.token_length(size) == len(token)


@pytest.mark.parametrize("ring", RINGS, ids=ALGORITHMS)
def test_what_was_derived_is_kept_for_the_same_material_alone(ring: KeyRing) -> None:
    """Not for another secret, nor where a reader takes a minter's place."""
    (key,) = ring
    first = sealing.TokenKey(key, b"session")
    salt, signature = first.salt(), first.signature
    same = sealing.TokenKey(key.with_members(exp=NOW), b"session", former=first)
    assert same.salt() is salt
    assert same.signature is signature
    others = [next(iter(KeyRing.generate(key.algorithm, kid=key.kid)))]
    if key.algorithm != "HS256":
        others.append(key.reader())
    for other in others:
        assert not first.has_material_of(other)
        assert sealing.TokenKey(other, b"session", former=first).signature is not signature


def test_a_tombstone_derives_nothing() -> None:
    """It is no key's equal, not even its own, and says what it lacks."""
    (key,) = RINGS[0]
    tombstone = sealing.TokenKey(key.with_members(revoked={}).tombstone(), b"session")
    assert not tombstone.has_material_of(tombstone.key)
    with pytest.raises(ConfigError, match="has no material"):
        tombstone.cipher(bytes(8))
