"""Claims, written and read (SPEC section 3)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import uuid
from typing import Any, TypedDict

import msgspec
import pytest

from tokensession import BadClaims, StateError
from tokensession.claims import Claims, TypedState, UntypedState, write_claims

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


def test_claims_come_back() -> None:
    """What was written is read."""
    claims, misfit = UntypedState().read(write(sub="42", age=3, cap=9))
    assert claims == Claims(SID, 5, 60, 3, "42", {}, 9)
    assert misfit is None


@pytest.mark.parametrize("sub", [True, 1.0, b"42", 2**53, -(2**53), "\ud800", ["42"]])
def test_subjects_are_checked(sub: Any) -> None:
    """What is no subject is not written, whatever msgpack could hold."""
    with pytest.raises(StateError, match=r"^subject: "):
        write(sub=sub)


@pytest.mark.parametrize("pad_to", [2, 3, 16, 64, 255, 256])
@pytest.mark.parametrize("length", range(0, 300, 7))
def test_padding_reaches_a_multiple(pad_to: int, length: int) -> None:
    """Whatever the state, the claims have a multiple of so many bytes, and read back."""
    padded = write("x" * length, pad_to=pad_to)
    assert len(padded) % pad_to == 0
    claims, _ = UntypedState().read(padded)
    assert claims.state == "x" * length
    assert claims.cap is None
    assert not any(claims.pad)


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
        ([SID, 5, 60, 0, None], "claims"),
        ({}, "claims"),
    ],
)
def test_bad_claims_name_the_field(claims: Any, field: str) -> None:
    """The message names the claim that is wrong."""
    with pytest.raises(BadClaims, match=field):
        UntypedState().read(msgspec.msgpack.encode(claims))


class Cart(msgspec.Struct):
    """A typed state."""

    user: uuid.UUID
    items: dict[str, int] = {}
    note: Any = None


@dataclasses.dataclass
class Account:
    """A state of another kind."""

    name: str
    born: dt.date


class Preferences(TypedDict):
    """A state that is a dict."""

    theme: str


class Counter(msgspec.Struct):
    """A state that checks itself, and tells its value when it complains."""

    count: int

    def __post_init__(self) -> None:
        """Refuse more than three."""
        if self.count > 3:
            raise ValueError(f"{self.count} is too many")


class Opaque(msgspec.Struct, eq=False):
    """A state without equality."""

    name: str


@pytest.mark.parametrize(
    "state",
    [Cart(uuid.UUID(int=7), {"a": 2}), Account("Ada", dt.date(1815, 12, 10)),
     Preferences(theme="dark"), Counter(3)],
)  # fmt: skip
def test_typed_states_come_back_as_their_type(state: Any) -> None:
    """Structs, dataclasses and TypedDicts may hold what msgspec turns into core values and back."""
    form: TypedState[Any] = TypedState(Preferences if isinstance(state, dict) else type(state))
    claims, misfit = form.read(write(form.checked(state)))
    assert (claims.state, misfit) == (state, None)


def test_equality_is_asked_only_of_types_that_have_it() -> None:
    """A type without equality is written and read."""
    form = TypedState(Opaque)
    claims, _ = form.read(write(form.checked(Opaque("x"))))
    assert claims.state.name == "x"


@pytest.mark.parametrize(
    ("kind", "state", "path"),
    [
        (Account, Cart(uuid.UUID(int=7)), "state"),
        (Account, Account(5, dt.date(1815, 12, 10)), "state.name"),  # type: ignore[arg-type]
        (Cart, Cart(uuid.UUID(int=7), note=uuid.UUID(int=8)), "state"),
        (Cart, Cart(uuid.UUID(int=7), note=2**60), "state.note"),
        (Cart, Cart(uuid.UUID(int=7), note={1: 2}), "state.note"),
        (Cart, Cart(uuid.UUID(int=7), note=object()), "state"),
        (Preferences, {"theme": 3}, "state.theme"),
        (Preferences, {}, "state"),
        (dict[int, str], {1: "a"}, "state"),
        (str, "\ud800", "state"),
    ],
)
def test_a_state_that_would_not_come_back_is_refused(kind: Any, state: Any, path: str) -> None:
    """Not of the type, not made of core values, or changed on the way: refused when written."""
    with pytest.raises(StateError) as caught:
        TypedState(kind).checked(state)
    assert caught.value.path.split(" ")[0] == path


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        (Cart, {"user": 5}, "state.user .Expected uuid, got int. does not fit Cart"),
        (Cart, {}, "state .Object missing required field user. does not fit Cart"),
        (Cart, {"user": "271828"}, "state.user does not fit Cart"),
        (Cart, {"user": str(uuid.UUID(int=7)), "items": {"a": "271828"}}, "Expected int, got str"),
        (Counter, {"count": 271828}, "state does not fit Counter"),
        (str, 271828, "state .Expected str, got int. does not fit str"),
    ],
)
def test_a_misfit_names_the_field_and_never_the_value(kind: Any, state: Any, words: str) -> None:
    """Field and types are named, no value is, even where the type's own text has it."""
    form: TypedState[Any] = TypedState(kind)
    claims, misfit = form.read(write(state))
    assert claims.state == state
    assert misfit is not None
    assert "271828" not in misfit
    assert re.search(words, misfit)


def test_bad_claims_come_before_a_bad_state() -> None:
    """Where both are wrong, the claims are reported."""
    bad = msgspec.msgpack.encode([SID, 5, 0, 0, None, {}])
    with pytest.raises(BadClaims, match="ttl"):
        TypedState(Cart).read(bad)
    with pytest.raises(BadClaims, match="age exceeds iat"):
        TypedState(Preferences).read(write({"theme": "x"}, age=6))
    with pytest.raises(BadClaims, match="nested"):
        TypedState(Preferences).read(write(msgspec.Raw(b"\x91" * 600 + b"\xc0")))
