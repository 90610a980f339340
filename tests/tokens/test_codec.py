"""The codec: what goes in comes out."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.format.test_state import core_values, text
from tests.tokens.samples import RINGS
from tokensession import BadState, Expired, KeyRing, Policy, SessionCodec, StateError, encode

UNBOUNDED = [SessionCodec(ring, policy=Policy(absolute_timeout=None)) for ring in RINGS]


@given(
    state=core_values,
    subject=st.none() | text.filter(bool) | st.integers(-(2**53) + 1, 2**53 - 1),
    lifetime=st.tuples(
        st.none() | st.integers(1, 2**32 - 1), st.none() | st.integers(1, 2**32 - 1)
    ),
    now=st.integers(0, 2**53 - 1) | st.floats(0, 2**40),
    codec=st.sampled_from(UNBOUNDED),
)
def test_round_trip(
    state: Any,
    subject: Any,
    lifetime: tuple[int | None, int | None],
    now: float,
    codec: SessionCodec[Any],
) -> None:
    """Every field of every session comes back; a ttl is never above the cap."""
    ttl, cap = lifetime
    if ttl is not None and cap is not None and ttl > cap:
        ttl, cap = cap, ttl
    session = codec.decode(codec.encode(state, subject=subject, ttl=ttl, cap=cap, now=now), now=now)
    assert repr(session.state) == repr(state)
    assert session.subject == subject
    assert session.issued_at == session.started_at == int(now)
    assert session.ttl == (ttl or min(1800, cap or 1800))
    assert session.expires_at == int(now) + session.ttl
    assert session.cap == cap
    assert len(session.sid) == 16
    assert session.context == "session"


class Cart(msgspec.Struct):
    """A typed state."""

    user_id: int
    note: str = ""


def test_a_typed_state(ring: KeyRing) -> None:
    """It comes back as its type; another state is refused, after the token has expired not."""
    codec = SessionCodec(ring, state_type=Cart)
    assert codec.decode(codec.encode(Cart(7), now=NOW), now=NOW).state == Cart(7)
    other = encode({"user_id": "271828"}, ring, now=NOW)
    with pytest.raises(BadState, match=r"^state.user_id \(Expected int, got str\)") as caught:
        codec.decode(other, now=NOW)
    assert "271828" not in str(caught.value)
    with pytest.raises(Expired):
        codec.decode(other, now=NOW + 1800)
    with pytest.raises(StateError, match=r"^state.user_id"):
        codec.encode(Cart("x"), now=NOW)  # type: ignore[arg-type]


def test_no_exception_but_token_errors_crosses_threads(ring: KeyRing) -> None:
    """Many threads share one codec, and each reads what it wrote."""
    codec = SessionCodec(ring)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(60):
                assert codec.decode(codec.encode([number, n])).state == [number, n]
        except BaseException as error:  # noqa: BLE001  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_default_policy_is_that_of_owasp(hs256: KeyRing) -> None:
    """A codec without one, and one with an empty one, let a session live for 8 hours."""
    for codec in (SessionCodec(hs256), SessionCodec(hs256, policy=Policy())):
        token = codec.encode({}, ttl=8 * 3600, now=NOW)
        assert codec.decode(token, now=NOW).ttl == 8 * 3600
        assert codec.decode(codec.encode({}, now=NOW), now=NOW).ttl == 1800
        old = encode({}, hs256, ttl=9 * 3600, now=NOW)
        assert codec.decode(old, now=NOW + 8 * 3600 - 1).expires_at == NOW + 8 * 3600
        with pytest.raises(Expired):
            codec.decode(old, now=NOW + 8 * 3600)
