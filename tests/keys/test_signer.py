"""Which key signs, and the state of each key, by the clock (SPEC section 7)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.keys.rings import ring_of
from tokensession import ConfigError, KeyRing, SessionCodec, UnknownKey, decode, encode
from tokensession.keys.jwk import generate_key

dates = st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(21, 40))
materials = [generate_key(kid=f"k{n}") for n in range(4)]


def test_a_life_of_a_key() -> None:
    """Pending, active, retiring, expired: each from its first second on."""
    ring = ring_of(a=(0, 300), b=(200, None))
    expected = {
        0: ("active", "pending"), 199: ("active", "pending"), 200: ("retiring", "active"),
        299: ("retiring", "active"), 300: ("expired", "active"),
    }  # fmt: skip
    for now, (a, b) in expected.items():
        assert ring.states(now) == {"a": a, "b": b}


@given(st.lists(dates, min_size=1, max_size=4), st.sets(st.integers(0, 3)))
def test_states_as_a_machine_over_time(all_dates: list[Any], revoked: set[int]) -> None:
    """At every second one key signs if any can; states move forward, but for fallbacks."""
    keys = []
    for n, (nbf, exp) in enumerate(all_dates):
        members = {name: at for name, at in (("nbf", nbf), ("exp", exp)) if at is not None}
        members |= {"revoked": {}} if n in revoked else {}
        keys.append(materials[n].with_members(**members))
    ring = KeyRing(keys)
    order = ["pending", "active", "retiring", "expired", "revoked"]
    history = [ring.states(now) for now in range(45)]
    for now, states in enumerate(history):
        active = [kid for kid, state in states.items() if state == "active"]
        usable = [key for key in ring if key.verifies(now)]
        assert len(active) == bool(usable)
        signer = ring.active(now)
        assert active == ([signer.kid] if signer else [])
        for key in ring:
            state = states[key.kid]
            assert (state == "revoked") == key.revoked
            assert (state == "expired") == (not key.revoked and not key.verifies(now))
            if state == "active" and now < key.nbf:
                assert all(other.nbf > now for other in usable)  # nothing else could sign
    for before, after in pairwise(history):
        for key in ring:
            forward = order.index(after[key.kid]) >= order.index(before[key.kid])
            # A retiring key signs again when the one that superseded it expires first.
            assert forward or (before[key.kid], after[key.kid]) == ("retiring", "active")


def test_the_signer_is_found_again_when_the_clock_goes_back() -> None:
    """Encoding follows the given time, in any order."""
    ring = ring_of(a=(0, None), b=(NOW, None))
    codec = SessionCodec(ring)
    kids = [codec.decode(codec.encode({}, now=at), now=at).kid
            for at in (NOW - 1, NOW, NOW + 5, NOW - 5, NOW)]  # fmt: skip
    assert kids == ["a", "b", "b", "a", "b"]


def test_a_pending_key_already_verifies() -> None:
    """A pending key verifies tokens of a signer with a fast clock."""
    fast = SessionCodec(ring_of(a=(0, None), b=(NOW, None)))
    token = fast.encode({}, now=NOW)
    assert fast.decode(token, now=NOW - 30).kid == "b"


def test_an_expired_key_is_unknown_and_says_so() -> None:
    """The error tells an expired or revoked key from an unknown one."""
    ring = ring_of(a=(0, NOW + 10), b=(5, None))
    (signed_by_a,) = [encode({}, KeyRing([ring["a"]]), now=NOW)]
    assert decode(signed_by_a, ring, now=NOW + 9).kid == "a"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring, now=NOW + 10)
    assert caught.value.key_state == "expired"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring.revoke("a"), now=NOW)
    assert caught.value.key_state == "revoked"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring_of(c=(None, None)), now=NOW)
    assert caught.value.key_state is None


def test_no_key_can_sign() -> None:
    """Encoding says so, and decoding goes on."""
    ring = ring_of(a=(0, NOW))
    with pytest.raises(ConfigError, match="no key of the ring can sign"):
        encode({}, ring, now=NOW)
    assert ring.active(NOW) is None


def test_a_reader_reports_its_minters_states() -> None:
    """Its states are computed as if it could sign; nothing signs."""
    ring = KeyRing.generate("Ed25519").add("Ed25519", now=NOW)
    for now in (NOW, NOW + 900, NOW + 5000):
        assert ring.reader().states(now) == ring.states(now)
    assert ring.reader().active(NOW) is None


def test_the_signer_changes_when_its_key_expires() -> None:
    """A cached choice does not outlive the key."""
    ring = ring_of(a=(0, None), b=(5, NOW + 10))
    codec = SessionCodec(ring)
    kids = [codec.decode(codec.encode({}, now=at), now=at).kid for at in (NOW, NOW + 9, NOW + 10)]
    assert kids == ["b", "b", "a"]


@pytest.mark.parametrize(
    ("dates", "until"),
    [
        ([(NOW, None)], float("inf")),
        ([(NOW, None), (NOW + 100, None)], NOW + 100),
        ([(NOW, NOW + 50), (NOW + 100, None)], NOW + 50),
        ([(NOW, None), (NOW - 100, NOW + 30)], NOW + 30),
    ],
)
def test_a_signer_is_known_until_the_next_change(dates: Any, until: float) -> None:
    """A signer is known from the given second to the next that could choose another."""
    keys = [
        generate_key(kid=f"k{number}", nbf=nbf).with_members(
            **({} if exp is None else {"exp": exp})
        )
        for number, (nbf, exp) in enumerate(dates)
    ]
    signer = KeyRing(keys).signer(NOW)
    assert signer is not None
    assert (signer.key.kid, signer.since, signer.until) == ("k0", NOW, until)
