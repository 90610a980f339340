"""A set of keys: its document, and the rules from one document to the next (SPEC section 7)."""

from __future__ import annotations

import json
from pathlib import Path
from time import time
from typing import Any

import pytest

from tests.conftest import NOW
from tests.keys.rings import ring_of
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, decode, encode
from tokensession.keys.file_source import FileSource
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.rotation import Schedule, next_rotation, revoke_key
from tokensession.keys.rotation import plan as plan_of


def test_a_document_comes_back(ring: KeyRing) -> None:
    """A ring is its document: written, read and written again it is the same."""
    document = ring.to_jwks(private=True)
    assert KeyRing.from_jwks(document).to_jwks(private=True) == document
    assert KeyRing.from_jwks(json.dumps(document)).to_jwks(private=True) == document
    assert KeyRing.from_jwks(json.dumps(document).encode()).to_jwks(private=True) == document


@pytest.mark.parametrize("keys", ["abc", b"abc", ["abc"], [None]])
def test_a_ring_is_made_of_keys(keys: Any) -> None:
    """A text is never taken for a list of one-letter keys."""
    with pytest.raises(ConfigError, match="must be Key objects"):
        KeyRing(keys)


def test_one_kid_once() -> None:
    """Two keys of one name are refused."""
    with pytest.raises(ConfigError, match="occurs twice"):
        KeyRing([generate_key(kid="a"), generate_key(kid="a")])


def test_looking_up(hs256: KeyRing) -> None:
    """A ring is a collection of its keys; an unknown kid is named with the known ones."""
    (key,) = hs256
    assert len(hs256) == 1
    assert key.kid in hs256
    assert hs256[key.kid] is key
    with pytest.raises(ConfigError, match=f"no key 'x': use one of {key.kid}"):
        hs256["x"]


@pytest.mark.parametrize("keys", ["hs-1", b"hs-1", "", None, 7, Key])
def test_keys_are_a_list_of_keys(keys: Any) -> None:
    """The letters of a text are not taken for keys, and the message says what to call."""
    with pytest.raises(ConfigError, match=r"must be Key objects, not \w+: use KeyRing.from_jwks"):
        KeyRing(keys)


def test_arguments_of_another_type(hs256: KeyRing) -> None:
    """A kid or an algorithm that is not text is unknown; a switch is True or False."""
    odd: Any = []
    for call in (hs256.revoke, hs256.retire, hs256.__getitem__):
        with pytest.raises(ConfigError, match="no such key"):
            call(odd)
    with pytest.raises(ConfigError, match="alg must be HS256, Ed25519 or ES256"):
        KeyRing.generate(odd)
    watcher: Any = object()
    calls: list[Any]
    with pytest.raises(ConfigError, match="running must be a KeyRing, not object"):
        KeyRing.from_jwks(hs256.to_jwks(private=True), running=watcher)
    calls = [
        lambda: plan_of(watcher, NOW, Schedule(token_lifetime=60)),
        lambda: next_rotation(watcher, NOW, Schedule(token_lifetime=60)),
        lambda: revoke_key(watcher, "a", NOW),
    ]
    for plan in calls:
        with pytest.raises(ConfigError, match="ring must be a KeyRing, not object"):
            plan()
    for change in (hs256.with_schedule, lambda odd: next_rotation(hs256, NOW, odd)):
        with pytest.raises(ConfigError, match="schedule must be a Schedule, not list"):
            change(odd)
    with pytest.raises(ConfigError, match="members must be a dict, not list"):
        KeyRing(hs256, members=odd)
    text: Any = "false"  # it would be true
    calls = [hs256.signer, hs256.active, hs256.states]
    for call in calls:
        with pytest.raises(ConfigError, match="now must be Unix seconds"):
            call(text)
    with pytest.raises(ConfigError, match="private must be True or False, not str"):
        hs256.to_jwks(private=text)


class BytesPath:
    """A path in bytes."""

    def __fspath__(self) -> bytes:
        """Return it."""
        return b"keys.json"


@pytest.mark.parametrize("path", [None, 7, True, b"keys.json", [], Path, "", "-", BytesPath()])
def test_a_path_is_text(hs256: KeyRing, path: Any) -> None:
    """A setting that is missing is not the name of a key file."""
    for call in (KeyRing.open, KeyRing.follow, hs256.save, FileSource):
        with pytest.raises(ConfigError, match="the name of a key file is needed, not"):
            call(path)


def test_a_secret_is_used_under_one_kid() -> None:
    """A secret under two kids is refused in rings of keys, as in documents."""
    (jwk,) = KeyRing.generate(kid="a").to_jwks(private=True)["keys"]
    one, other = (
        next(iter(KeyRing.from_jwks({"keys": [{**jwk, "kid": kid}]}))) for kid in ("a", "b")
    )
    with pytest.raises(ConfigError, match="have the same k"):
        KeyRing([one, other])


def test_a_file_ends_with_a_line_end(hs256: KeyRing) -> None:
    """A key file ends with a line end, as tools expect of text."""
    assert hs256.to_json().endswith(b"}\n")


def test_a_fingerprint_tells_secrets_apart() -> None:
    """Equal documents have one, in 16 hex digits; another secret under the same kid has another."""
    ring, other = KeyRing.generate(kid="a"), KeyRing.generate(kid="a")
    again = KeyRing.from_jwks(ring.to_jwks(private=True))
    assert ring.fingerprint == again.fingerprint != other.fingerprint
    (jwk,) = ring.to_jwks(private=True)["keys"]
    otherwise = {"keys": [dict(reversed(jwk.items()))], "serial": 0}
    assert KeyRing.from_jwks(otherwise).fingerprint == ring.fingerprint
    assert len(ring.fingerprint) == 16
    assert set(ring.fingerprint) <= set("0123456789abcdef")


def test_a_serial_never_goes_back(hs256: KeyRing) -> None:
    """An older document is refused while a newer one runs."""
    newer = hs256.add(now=NOW)
    KeyRing.from_jwks(newer.to_jwks(private=True), running=hs256)
    with pytest.raises(ConfigError, match="serial 0, older than the running 1"):
        KeyRing.from_jwks(hs256.to_jwks(private=True), running=newer)


def test_a_thousand_keys(hs256: KeyRing) -> None:
    """A large ring reads and writes, and finds each key by its header."""
    ring = KeyRing([*hs256, *(generate_key(nbf=10 + n) for n in range(999))])
    token = encode({"n": 1}, hs256)
    assert decode(token, ring).kid == next(iter(hs256)).kid
    assert len(ring.states(NOW)) == 1000


def test_grace_is_checked_where_a_policy_meets_a_ring() -> None:
    """A key that would expire before its last tokens is refused, with the numbers."""
    now = int(time())
    ring = ring_of(a=(0, now + 900 + 1860), b=(now, None))  # 900 s is the propagation delay
    SessionCodec(ring, policy=Policy(idle_timeout=1800, leeway=60))
    with pytest.raises(ConfigError, match=f"set its exp to {now + 900 + 1861}"):
        SessionCodec(ring, policy=Policy(idle_timeout=1801, leeway=60))


def test_expired_keys_are_past_help() -> None:
    """An old key that left too early does not stop a service from starting today."""
    SessionCodec(ring_of(a=(0, 20), b=(10, None)), policy=Policy(idle_timeout=1800))
