"""Claims, written and read (SPEC section 3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tokensession import BadClaims, StateError
from tokensession.format.claims import (
    Claims,
    packed_state,
    read_claims,
    where_it_fails,
    write_claims,
)

SID = bytes(range(16))
EMPTY: dict[str, Any] = {}


def write(state: Any = EMPTY, **changes: Any) -> bytes:
    """Return the claims of a plain session, with changes."""
    arguments: dict[str, Any] = {
        "sid": SID, "iat": 5, "ttl": 60, "age": 0, "sub": None, "state": state, "cap": None,
    }  # fmt: skip
    return write_claims(**(arguments | changes))


def test_the_array_is_as_short_as_can_be() -> None:
    """Without cap and pad there are six elements."""
    assert write() == b"\x96\xc4\x10" + SID + b"\x05\x3c\x00\xc0\x80"
    assert write(cap=7)[0] == 0x97
    assert write(signers=("k0",))[0] == 0x99
    assert write(auth=None)[0] == 0x9A


def test_claims_come_back() -> None:
    """What was written is read."""
    assert read_claims(write(sub="42", age=3, cap=9)) == Claims(SID, 5, 60, 3, "42", {}, 9)
    again = read_claims(write(age=3, signers=("k0", "k1"), auth=2))
    assert again == Claims(SID, 5, 60, 3, None, {}, signers=("k0", "k1"), auth=2)
    assert read_claims(write()).auth == 0
    assert read_claims(write(auth=None)).auth is None


@pytest.mark.parametrize("sub", [True, 1.0, b"42", 2**53, -(2**53), "\ud800", ["42"]])
def test_subjects_are_checked(sub: Any) -> None:
    """A value that is not a subject is refused, also if msgpack could hold it."""
    with pytest.raises(StateError, match=r"^subject: "):
        write(sub=sub)


@pytest.mark.parametrize("pad_to", [2, 3, 16, 64, 255, 256])
@pytest.mark.parametrize("length", range(0, 300, 13))
@pytest.mark.parametrize("later", [{}, {"signers": ("k0",) * 15}, {"age": 5, "auth": 4}])
def test_padding_reaches_a_multiple(pad_to: int, length: int, later: dict[str, Any]) -> None:
    """For any state, the claims have a multiple of so many bytes, and read back."""
    padded = write("x" * length, pad_to=pad_to, **later)
    assert len(padded) % pad_to == 0
    claims = read_claims(padded)
    assert claims.state == "x" * length
    assert claims.cap is None
    assert not any(claims.pad)
    assert (claims.signers, claims.auth) == (later.get("signers"), later.get("auth", 0))


@pytest.mark.parametrize("pad_to", [2, 3, 16, 255, 256])
def test_a_pad_is_as_short_as_can_be(pad_to: int) -> None:
    """At least the two bytes that begin it, and less than a whole multiple more."""
    for length in range(2 * pad_to):
        bare = len(write("x" * length)) + 1  # with the nil of the cap
        assert 2 <= len(write("x" * length, pad_to=pad_to)) - bare < pad_to + 2


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ([SID[:15], 5, 60, 0, None, {}], "sid"),
        ([str(SID), 5, 60, 0, None, {}], "sid"),
        ([SID, True, 60, 0, None, {}], "iat"),
        ([SID, 5.0, 60, 0, None, {}], "iat"),
        ([SID, 5, 0, 0, None, {}], "ttl"),
        ([SID, 5, 60, -1, None, {}], "age"),
        ([SID, 5, 60, 6, None, {}], "age"),
        ([SID, 5, 60, 0, 1.5, {}], "sub"),
        ([SID, 5, 60, 0, None, {}, 0], "cap"),
        ([SID, 5, 60, 0, None, {}, None, None, []], "signers"),
        ([SID, 5, 60, 0, None, {}, None, None, ["k0\n"]], "signers"),
        ([SID, 5, 60, 0, None, {}, None, None, None, 1], "auth"),
        ([SID, 5, 60, 0, None], "claims"),
        ({}, "claims"),
    ],
)
def test_bad_claims_name_the_field(claims: Any, field: str) -> None:
    """The message names the claim that is wrong."""
    with pytest.raises(BadClaims, match=field):
        read_claims(msgspec.msgpack.encode(claims))


def test_claims_never_change() -> None:
    """They are a value, which caches and threads may share."""
    claims = read_claims(write())
    with pytest.raises(AttributeError, match="immutable"):
        claims.iat = 6  # type: ignore[misc]


@pytest.mark.parametrize("state", [{}, {"a": [1]}, [1], "x", None, {"cart": {"n": b"x"}}])
@pytest.mark.parametrize("changes", [{}, {"cap": 9}, {"sub": "42", "pad_to": 64}])
def test_the_state_is_found_as_it_stands(state: Any, changes: dict[str, Any]) -> None:
    """Its bytes are a slice of the claims, so nothing is packed to compare with it."""
    assert bytes(packed_state(write(state, **changes))) == msgspec.msgpack.encode(state)


def test_a_complaint_without_a_path_names_its_root() -> None:
    """The text of another error is never taken over."""
    assert where_it_fails(ValueError("271828 is too many"), "state") == "state"
