"""The limits of a codec, and what its policy and its ring must agree on."""

from __future__ import annotations

from datetime import timedelta
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import (
    ConfigError,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    decode,
    encode,
)
from tokensession.format.claims import write_claims
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule
from tokensession.observer import Observer
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.tokens.codec import UNLIMITED
from tokensession.tokens.limits import meet_ring
from tokensession.tokens.sealing import TokenKey

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ttl": 3601}, "ttl .3601 s. exceeds the absolute_timeout .3600 s."),
        ({"ttl": 61, "cap": 60}, "ttl .61 s. exceeds the cap .60 s."),
        ({"ttl": timedelta(milliseconds=1)}, "ttl must be a whole number"),
        ({"now": "1"}, "now must be Unix seconds"),
        ({"ttl": 0}, "ttl must be from 1"),
        ({"ttl": 1.5}, "ttl must be a whole number"),
        ({"ttl": 2**32}, "ttl must be from 1"),
        ({"cap": 0}, "cap must be from 1"),
        ({"cap": 3601}, "cap .3601 s. exceeds"),
        ({"cap": True}, "cap must be a whole"),
        ({"now": float("nan")}, "now must be a finite"),
        ({"now": -1}, "before 1970"),
    ],
)
def test_wrong_arguments_are_refused(hs256: KeyRing, arguments: Any, reason: str) -> None:
    """Each with its name and range."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=3600))
    with pytest.raises(ConfigError, match=reason):
        codec.encode({}, **arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"keys": "session-keys.json"}, "keys must be a KeyRing, not str"),
        ({"keys": None}, "keys must be a KeyRing"),
        ({"policy": {"idle_timeout": 5}}, "policy must be a Policy"),
        ({"observer": print}, "observer must be an Observer"),
        ({"overflow": {}}, "overflow must be an Overflow or an overflow store"),
        ({"revocation": {}}, "revocation must be a revocation store"),
        ({"padding": 1}, "padding must be 0 or from 2"),
        ({"padding": 257}, "padding must be 0 or from 2 to 256"),
        ({"padding": True}, "padding must be a number"),
        ({"padding": "64"}, "padding must be a number"),
        ({"state_type": str | bytes}, "state_type is not supported"),
        ({"state_type": dict[bytes, complex] | list[int] | list[str]}, "state_type is not"),
    ],
)
def test_wrong_configurations_are_refused(hs256: KeyRing, arguments: Any, reason: str) -> None:
    """A wrong configuration is refused when the codec is made, before any request."""
    with pytest.raises(ConfigError, match=reason):
        SessionCodec(arguments.pop("keys", hs256), **arguments)


def test_a_session_of_the_empty_text_is_not_made(hs256: KeyRing) -> None:
    """The error says what to pass; a token of another writer that has one is read."""
    with pytest.raises(StateError, match=r"^subject: empty text; pass .* or None for no user$"):
        encode({}, hs256, subject="")
    (key,) = hs256
    made = TokenKey(key, b"session")
    claims = write_claims(bytes(16), NOW, 60, 0, "", {}, None)
    token = made.token(claims, made.salt(), bytes(12)).decode()
    assert decode(token, hs256, now=NOW).subject == ""


def test_a_subject_that_leaves_no_room_is_named(hs256: KeyRing) -> None:
    """A store for the state would not help, so the error does not speak of one."""
    with_store: SessionCodec[Any] = SessionCodec(hs256, overflow=MemoryStore())
    for codec in (with_store, SessionCodec(hs256)):
        with pytest.raises(SessionTooLarge) as caught:
            codec.encode({"a": "x" * 9000}, subject="s" * 9000)
        message = str(caught.value)
        assert ("shorten the subject" in message) is (codec is with_store)
        assert ("overflow=stores.connect(url).overflow()" in message) is (codec is not with_store)


@pytest.mark.parametrize("context", ["", "a\0b", "x" * 256, "ä" * 128, "\ud800", None, 5, b"x"])
def test_wrong_contexts_are_refused(hs256: KeyRing, context: Any) -> None:
    """A context is 1 to 255 bytes of UTF-8 without a zero byte."""
    with pytest.raises(ConfigError, match="context"):
        SessionCodec(hs256, context=context)


def test_lifetimes_stay_within_the_rotation_config(hs256: KeyRing) -> None:
    """No token may outlive the time that the schedule leaves to old keys."""
    document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 1800}}
    ring = KeyRing.from_jwks(document)
    codec = SessionCodec(ring, policy=Policy(idle_timeout=1800))
    codec.encode({}, ttl=1800)
    with pytest.raises(ConfigError, match=r"ttl \(1801 s\) exceeds the token_lifetime \(1800 s\)"):
        codec.encode({}, ttl=1801)
    with pytest.raises(ConfigError, match=r"idle_timeout .1801 s. exceeds"):
        SessionCodec(ring, policy=Policy(idle_timeout=1801))


def test_the_default_lifetime_is_within_the_rotation_config(hs256: KeyRing) -> None:
    """What is not given adapts: a token lives 1800 s, or less where the ring allows less."""
    document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 300}}
    ring = KeyRing.from_jwks(document)
    assert decode(encode({}, ring), ring).ttl == 300
    assert decode(encode({}, ring, ttl=200), ring).ttl == 200
    for policy in (None, Policy(), Policy.owasp(), Policy(absolute_timeout=3600)):
        codec: SessionCodec[Any] = SessionCodec(ring, policy=policy)
        assert codec.decode(codec.encode({})).ttl == codec.new().ttl == 300
        with pytest.raises(ConfigError, match="token_lifetime"):
            codec.encode({}, ttl=301)


def with_rotation(ring: KeyRing, **rotation: int) -> KeyRing:
    """Return a ring whose document has a rotation config."""
    return KeyRing.from_jwks(ring.to_jwks(private=True) | {"rotation": rotation})


def test_no_write_lives_longer_than_the_rotation_config_says(hs256: KeyRing) -> None:
    """Sessions that were minted before it was lowered are cut when they are renewed, for good."""
    policy = Policy(idle_timeout=1800, absolute_timeout=86400)
    token = SessionCodec(hs256, policy=policy).encode({}, ttl=7200, now=NOW)
    codec = SessionCodec(with_rotation(hs256, token_lifetime=1800), policy=policy)
    token = codec.renew(codec.decode(token, now=NOW), now=NOW)
    assert codec.decode(token, now=NOW).ttl == 1800
    back = SessionCodec(hs256, policy=policy)
    token = back.renew(back.decode(token, now=NOW), now=NOW)
    assert codec.decode(token, now=NOW).ttl == 1800


@pytest.mark.parametrize("overflow", [None, MemoryStore()])
def test_a_ring_that_comes_later_cuts_new_sessions_too(
    tmp_path: Path, overflow: MemoryStore | None
) -> None:
    """The codec's own idle timeout was held against the ring that was there then."""
    path = tmp_path / "keys.json"
    watcher = KeyRing.follow(path)
    policy = Policy(idle_timeout=1800)
    codec: SessionCodec[Any] = SessionCodec(watcher, policy=policy, overflow=overflow)
    manager: SessionManager[Any] = SessionManager(codec)
    KeyRing.open(path).with_schedule(Schedule(token_lifetime=600)).save(path)
    assert watcher.reload()
    assert codec.decode(codec.encode({}, now=NOW), now=NOW).ttl == 600
    with pytest.raises(ConfigError, match="token_lifetime"):
        codec.encode({}, ttl=601)
    session = manager.open((), now=NOW)
    session.sign_in("42")
    headers: list[tuple[bytes, bytes]] = []
    manager.save(session, headers, now=NOW)
    line = dict(headers)[b"set-cookie"].decode()
    assert "Max-Age=600;" in line
    assert codec.decode(line.partition("=")[2].partition(";")[0], now=NOW).ttl == 600
    watcher.stop()


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (Policy(absolute_timeout=14 * 3600), None),
        (Policy(absolute_timeout=14 * 3600 + 1), "absolute_timeout"),
        (Policy(longest=14 * 3600), None),
        (Policy(longest=14 * 3600 + 1), "longest"),
        (Policy(absolute_timeout=None), None),  # such a session ends with its sixteenth signer
    ],
)
def test_a_session_outlives_at_most_14_rotations(
    hs256: KeyRing, policy: Policy, name: str | None
) -> None:
    """A token names 15 keys besides its own, and sessions that need more are not renewed."""
    ring = with_rotation(hs256, token_lifetime=1800, period=3600)
    if name is None:
        SessionCodec(ring, policy=policy)
        return
    with pytest.raises(ConfigError, match=rf"^{name} \(50401 s\) exceeds 14 rotation periods"):
        SessionCodec(ring, policy=policy)
    SessionCodec(hs256, policy=policy)  # without a config, as with the keys of a reader


def test_the_leeway_is_within_the_rotation_config(hs256: KeyRing) -> None:
    """A token from a clock that is ahead must not outlive its key; a reader mints none."""
    rotation = {"token_lifetime": 1800, "leeway": 60}
    document = hs256.to_jwks(private=True) | {"rotation": rotation}
    ring = KeyRing.from_jwks(document)
    SessionCodec(ring, policy=Policy(leeway=60))
    with pytest.raises(ConfigError, match=r"leeway \(61 s\) exceeds that of the ring's rotation"):
        SessionCodec(ring, policy=Policy(leeway=61))


def test_a_key_must_outlive_its_last_tokens() -> None:
    """An old key that leaves while its tokens live is refused where policy and ring meet."""
    now = int(time())
    (old,) = KeyRing.generate(kid="old")
    new = generate_key(kid="new", nbf=now + 1000)
    for seconds, policy, fits in (
        (3760, None, True),
        (3759, None, False),
        (3759, Policy(idle_timeout=1799), True),
        (3759, UNLIMITED, True),  # the functions learn of each ttl when it is minted
    ):
        ring = KeyRing([old.with_members(exp=now + seconds), new])
        if fits:
            SessionCodec(ring, policy=policy)
        else:
            with pytest.raises(ConfigError, match="old"):
                SessionCodec(ring, policy=policy)


def test_an_observer_is_told_of_another_ring() -> None:
    """The first one is none, and a ring of the same serial neither."""
    told: list[int] = []

    class Telling(Observer):
        def ring_reloaded(self, serial: int) -> None:
            told.append(serial)

    ring = KeyRing.generate()
    for other in (ring, ring.with_keys(ring)):
        meet_ring(other, policy=Policy(), observer=Telling(), first_serial=ring.serial)
    assert told == [ring.serial + 1]


def test_a_new_ring_is_held_against_the_policy() -> None:
    """The watcher logs what is wrong with it."""
    ring = KeyRing.generate()
    short = KeyRing.from_jwks(ring.to_jwks(private=True) | {"rotation": {"token_lifetime": 1799}})
    for one, fits in ((ring, True), (short, False)):
        if fits:
            meet_ring(one, policy=Policy(), observer=None, first_serial=0)
        else:
            with pytest.raises(ConfigError, match="token_lifetime"):
                meet_ring(one, policy=Policy(), observer=None, first_serial=0)
