"""Writing a token (SPEC section 4): what goes into it, how large it can be, and its renewal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tests.tokens.samples import CODECS, RINGS, TOKENS, sealed
from tokensession import (
    ConfigError,
    Expired,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    decode,
    encode,
)
from tokensession.keys.jwk import generate_key
from tokensession.observer import Observer
from tokensession.sessions.steps import run
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.tokens.limits import MAX_TOKEN


@pytest.mark.parametrize("padding", [2, 16, 256])
def test_padding_hides_the_length(hs256: KeyRing, padding: int) -> None:
    """States of about the same size give tokens of exactly the same size."""
    codec = SessionCodec(hs256, padding=padding)
    lengths = {len(codec.encode({"x": "y" * n})) for n in range(16)}
    assert len(lengths) <= 16 // padding + 1
    assert decode(codec.encode({"a": 1}), hs256).state == {"a": 1}


def test_the_size_limit(hs256: KeyRing) -> None:
    """A token of 8192 characters is written and read; what would be longer is refused."""
    room = next(n for n in range(6100, 5900, -1) if fits(hs256, n))
    token = encode("x" * room, hs256)
    assert MAX_TOKEN - 2 <= len(token) <= MAX_TOKEN
    assert decode(token, hs256).state == "x" * room
    with pytest.raises(
        SessionTooLarge, match=r"has \d+ characters, but the format allows 8192"
    ) as no:
        encode("x" * (room + 3), hs256)
    assert no.value.size > no.value.limit == MAX_TOKEN


def fits(ring: KeyRing, length: int) -> bool:
    """Tell whether a text of that length fits into a token."""
    try:
        encode("x" * length, ring)
    except SessionTooLarge:
        return False
    return True


@pytest.mark.parametrize("wrong", [2**53, float("nan"), object(), "\ud800", {1: 2}])
def test_what_would_change_on_the_way_is_never_sealed(wrong: Any) -> None:
    """It is refused in any state that is written: of a new session and of a renewed one."""
    session = CODECS[0].decode(TOKENS[0], now=NOW)
    session.state["wrong"] = wrong
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].encode({"wrong": wrong}, now=NOW)
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].renew(session, now=NOW)
    touched = CODECS[0].decode(TOKENS[0], now=NOW)
    touched["wrong"] = wrong
    with pytest.raises(StateError, match=r"^state\.wrong"):
        CODECS[0].renew(touched, now=NOW)


def test_idle_and_absolute_expiry(ring: KeyRing) -> None:
    """A session that is renewed in time lives until its absolute end, and not a second longer."""
    codec = SessionCodec(ring, policy=Policy(idle_timeout=600, absolute_timeout=1500))
    token, now = codec.encode({"n": 0}, subject=7, now=NOW), NOW
    first = codec.decode(token, now=NOW)
    while True:
        now += 500
        try:
            session = codec.decode(token, now=now)
        except Expired:
            break
        assert (session.sid, session.started_at, session.subject) == (first.sid, NOW, 7)
        session.state["n"] += 1
        token = codec.renew(session, now=now)
        renewed = codec.decode(token, now=now)
        assert renewed.expires_at == min(now + 600, NOW + 1500)
    assert now == NOW + 1500


def test_an_idle_window_as_long_as_the_session(hs256: KeyRing) -> None:
    """A session lives to the last second of it, as a new one says itself."""
    codec = SessionCodec(hs256, policy=Policy(idle_timeout=100, absolute_timeout=100))
    session = codec.decode(codec.encode({}, now=NOW), now=NOW + 99)
    assert session.expires_at == codec.new(now=NOW).expires_at == NOW + 100


def test_renewal_keeps_the_sessions_own_lifetime(hs256: KeyRing) -> None:
    """Renewal keeps a session's own idle window and cap, against the policy's."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=1000, longest=50_000))
    session = codec.decode(codec.encode({}, ttl=9000, cap=20_000, now=NOW), now=NOW + 5000)
    renewed = codec.decode(codec.renew(session, now=NOW + 5000), now=NOW + 5000)
    assert (renewed.ttl, renewed.cap, renewed.started_at) == (9000, 20_000, NOW)
    late = codec.decode(codec.renew(renewed, now=NOW + 13_000), now=NOW + 19_999)
    assert late.ttl == 7000
    assert late.expires_at == NOW + 20_000


def test_renewal_at_the_end_writes_nothing(hs256: KeyRing) -> None:
    """A session whose limit has come is not renewed."""
    codec = SessionCodec(hs256, policy=Policy(absolute_timeout=100))
    session = codec.decode(codec.encode({}, now=NOW), now=NOW)
    assert codec.decode(codec.renew(session, now=NOW + 99), now=NOW + 99).ttl == 1
    with pytest.raises(Expired):
        codec.renew(session, now=NOW + 100)


def test_renewal_on_a_slow_clock(hs256: KeyRing) -> None:
    """A node that is behind never writes a date before the session's start."""
    codec = SessionCodec(hs256)
    session = codec.decode(codec.encode({}, now=NOW), now=NOW - 30)
    renewed = codec.decode(codec.renew(session, now=NOW - 30), now=NOW - 30)
    assert renewed.issued_at == renewed.started_at == NOW


def test_renewal_under_another_context_is_refused(hs256: KeyRing) -> None:
    """A session of one purpose must not become one of another."""
    session = decode(encode({}, hs256), hs256)
    with pytest.raises(ConfigError, match="context 'session', but this codec writes 'admin'"):
        SessionCodec(hs256, context="admin").renew(session)


def test_renewal_moves_to_the_active_key(algorithm: str) -> None:
    """After a rotation, also to another algorithm, the session goes on under the new key."""
    ring = KeyRing.generate(algorithm, kid="old")
    for successor in ("HS256", "Ed25519", "ES256"):
        rotated = ring.add(successor, now=NOW)
        codec = SessionCodec(rotated)
        session = codec.decode(encode({"n": 1}, ring, now=NOW), now=NOW + 900)
        renewed = codec.decode(codec.renew(session, now=NOW + 900), now=NOW + 900)
        assert (session.kid, renewed.state, renewed.sid) == ("old", {"n": 1}, session.sid)
        assert rotated[renewed.kid].algorithm == successor


def test_a_successor_signs_from_its_very_second_on() -> None:
    """A successor signs from its first second on, although its predecessor was cached."""
    first, second = (generate_key(kid=kid, nbf=nbf)
                     for kid, nbf in (("a", NOW), ("b", NOW + 100)))  # fmt: skip
    ring = KeyRing([first, second])
    for codec in (SessionCodec(ring), SessionCodec(ring, overflow=MemoryStore())):
        for now, kid in ((NOW, "a"), (NOW + 99, "a"), (NOW + 100, "b"), (NOW + 99, "a")):
            session = codec.decode(codec.encode({}, now=now), now=now)
            assert session.kid == kid
            assert codec.decode(codec.renew(session, now=now), now=now).kid == kid


def test_a_key_is_retiring_from_the_very_second_on() -> None:
    """Two that are due at once: one signs, and what the other signed alone is renewed."""
    first, second = (generate_key(kid=kid, nbf=NOW) for kid in ("a", "b"))
    both = SessionManager(KeyRing([first, second]))
    for ring, renewed in ((KeyRing([first]), True), (KeyRing([first, second]), False)):
        token = SessionCodec(ring).encode({}, now=NOW)
        session = both.open([(b"cookie", b"__Host-session=" + token.encode())], now=NOW)
        assert session.kid == ("a" if renewed else "b")
        headers: list[tuple[bytes, bytes]] = []
        both.save(session, headers, now=NOW)
        assert (b"set-cookie" in dict(headers)) is renewed


def test_there_is_a_signer_from_the_first_second_on() -> None:
    """The epoch is an instant like any other."""
    codec = SessionCodec(RINGS[0])
    assert codec.decode(codec.encode({}, now=0), now=0).issued_at == 0


def test_a_ring_without_a_signer_says_so() -> None:
    """What is missing, and what to do about it."""
    reader = SessionCodec(KeyRing.generate("Ed25519").reader())
    with pytest.raises(ConfigError, match="no key of the ring can sign"):
        reader.encode({}, now=NOW)


def test_what_was_not_touched_stays_as_it_came() -> None:
    """It is what another key holder wrote, also where this library would not have."""
    codec = CODECS[0]
    odd = b"\x91" * 40 + b"\x01"  # nested too deep
    session = codec.decode(sealed(b"\x83\xa3odd" + odd + b"\xa1a\x91\x01\xa1b\x02"), now=NOW)
    session["b"] = 3
    session["a"].append(2)
    renewed = codec.decode(codec.renew(session, now=NOW + 5), now=NOW + 5)
    assert list(renewed.items())[1:] == [("a", [1, 2]), ("b", 3)]
    renewed.state["b"] = 4
    with pytest.raises(StateError, match=r"^state\.odd"):
        codec.renew(renewed, now=NOW + 5)


@pytest.mark.parametrize("overflow", [None, MemoryStore()], ids=["token", "store"])
@pytest.mark.parametrize(
    ("now", "exp", "seconds"),
    [
        (NOW + 5, None, 100),
        (NOW + 1950, None, 50),
        (NOW + 5, NOW + 104, 99),
        (NOW + 5, NOW + 105, 100),
        (NOW + 5, NOW + 106, 100),
    ],
)
def test_how_long_a_token_can_be_read(
    overflow: MemoryStore | None, now: int, exp: int | None, seconds: int
) -> None:
    """A token can be read for its idle window, but not beyond the end of its session or key."""
    (key,) = RINGS[0]
    policy = Policy(idle_timeout=100, absolute_timeout=2000)
    codec: SessionCodec[Any] = SessionCodec(KeyRing([key]), policy=policy, overflow=overflow)
    session = codec.decode(codec.encode({"a": bytes(9000 if overflow else 9)}, now=NOW), now=NOW)
    keys = SessionCodec(KeyRing([key if exp is None else key.with_members(exp=exp)])).rings
    written = run(codec.writer.write(session._changing(), now, keys.current()))
    assert written.seconds == seconds


def test_an_observer_is_told_of_renewals(hs256: KeyRing) -> None:
    """The first token of a session is none."""
    told: list[str] = []

    class Telling(Observer):
        def renewed(self) -> None:
            told.append("renewed")

    for overflow in (None, MemoryStore()):
        codec: SessionCodec[Any] = SessionCodec(hs256, observer=Telling(), overflow=overflow)
        session = codec.new()
        token = codec.renew(session)
        assert told == []
        codec.renew(codec.decode(token))
        assert told == ["renewed"]
        told.clear()


def test_a_session_is_renewed_by_the_codec_at_any_time() -> None:
    """A WebSocket can hand its client a token long after it was accepted."""
    manager = SessionManager(RINGS[0])
    token = manager.codec.encode({"a": 1}, now=NOW)
    session = manager.open([(b"cookie", b"__Host-session=" + token.encode())], now=NOW)
    assert session["a"] == 1
    manager.save(session, [], now=NOW)
    renewed = manager.codec.decode(manager.codec.renew(session, now=NOW + 60), now=NOW + 60)
    assert (renewed.sid, renewed.issued_at, renewed.state) == (session.sid, NOW + 60, {"a": 1})
