"""Claims, written and read (SPEC section 3)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import uuid
from typing import Any, TypedDict

import msgspec
import pytest

from tokensession import BadClaims, BadState, StateError
from tokensession.format.claims import Claims, write_claims
from tokensession.format.state import encode_msgpack
from tokensession.format.state_format import TypedState, UntypedState

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


def test_claims_never_change() -> None:
    """They are a value, which caches and threads may share."""
    claims, _ = UntypedState().read(write())
    with pytest.raises(AttributeError, match="immutable"):
        claims.iat = 6  # type: ignore[misc]


@pytest.mark.parametrize("pad_to", [2, 3, 16, 255, 256])
def test_a_pad_is_as_short_as_can_be(pad_to: int) -> None:
    """At least the two bytes that begin it, and less than a whole multiple more."""
    for length in range(2 * pad_to):
        bare = len(write("x" * length)) + 1  # with the nil of the cap
        assert 2 <= len(write("x" * length, pad_to=pad_to)) - bare < pad_to + 2


FORMATS = [UntypedState(), TypedState(list)]


@pytest.mark.parametrize("form", FORMATS, ids=["untyped", "typed"])
def test_deep_claims_are_refused_before_they_are_decoded(form: Any) -> None:
    """Levels that a decoder might still follow are too many for it beyond 512; bytes never are."""
    nested: Any = []
    for _ in range(510):
        nested = [nested]
    assert form.read(write(nested))[1] is None  # 511 levels and the claims themselves
    with pytest.raises(BadClaims, match="nested deeper than 512 levels"):
        form.read(write([[nested]]))
    assert form.read(write(["x" * 600]))[0].state == ["x" * 600]


@pytest.mark.parametrize("form", FORMATS, ids=["untyped", "typed"])
def test_a_session_may_be_as_old_as_time(form: Any) -> None:
    """An age of all of iat is a start at 0; a second more is none."""
    assert form.read(write([], age=5))[0].age == 5
    with pytest.raises(BadClaims, match="age exceeds iat"):
        form.read(msgspec.msgpack.encode([SID, 5, 60, 6, None, []]))


def _deep(levels: int) -> Any:
    return [_deep(levels - 1)] if levels else "leaf"


def test_a_state_is_packed_as_it_is() -> None:
    """With and without one that was there before, and whatever kind of state that was."""
    form, state = UntypedState(), {"a": 1, "b": [2], "c": {"d": None}}
    whole = msgspec.msgpack.encode(state)
    formers: list[Any] = [None, {}, state, {"a": 1}, {"a": 2, "z": 3}, [1], "text"]
    for former in formers:
        packed = None if former is None else msgspec.msgpack.encode(former)
        assert bytes(form.pack(state, packed)) == whole
        assert bytes(form.pack([1, 2], packed)) == b"\x92\x01\x02"


@pytest.mark.parametrize("wrong", [2**60, float("nan"), _deep(32), "\ud800", object()])
def test_what_is_packed_is_checked(wrong: Any) -> None:
    """A member that would be changed on the way is named, whether others were there before."""
    form = UntypedState()
    for former in (None, {}, {"a": 1}, {"a": 1, "b": 2}):
        packed = None if former is None else msgspec.msgpack.encode(former)
        with pytest.raises(StateError, match=r"^state\.b"):
            form.pack({"a": 1, "b": wrong}, packed)


@pytest.mark.parametrize("wrong", [object(), 1j, range(3)])
def test_what_cannot_be_written_is_not_written_as_nil(wrong: object) -> None:
    """It would come back as None, or pass for the None that was there."""
    with pytest.raises(TypeError, match="which msgpack does not have"):
        encode_msgpack({"a": wrong})
    with pytest.raises(StateError, match="cannot write"):
        TypedState(dict[str, Any]).checked({"a": wrong})


def test_what_has_not_changed_is_not_checked_again() -> None:
    """Of a state that was read, which may hold what another writer should not have written."""
    form, odd = UntypedState(), {"odd": _deep(40), "n": 1}
    former = msgspec.msgpack.encode(odd)
    assert bytes(form.pack(odd, former)) == former
    assert msgspec.msgpack.decode(form.pack({**odd, "n": 2}, former)) == {**odd, "n": 2}
    with pytest.raises(StateError, match=r"^state\.odd"):
        form.pack({**odd, "odd": _deep(41)}, former)


class Basket(msgspec.Struct):
    """A type whose state can begin by itself."""

    items: list[int] = []


class Owned(msgspec.Struct):
    """A type whose state cannot."""

    owner: str


def test_a_new_state_is_the_types_own() -> None:
    """Its defaults where it has them all, else None; a dict without a type."""
    assert TypedState(Basket).empty() == Basket()
    assert TypedState(Owned).empty() is None
    assert UntypedState().empty() == {}


def test_a_typed_state_is_packed_and_read_apart_from_claims() -> None:
    """As one value of its type, checked like any other."""
    form = TypedState(Basket)
    packed = form.pack(Basket([1, 2]), None)
    assert bytes(packed) == b"\x81\xa5items\x92\x01\x02"
    assert form.read_state(bytes(packed)) == Basket([1, 2])
    assert UntypedState().read_state(bytes(packed)) == {"items": [1, 2]}
    with pytest.raises(StateError):
        form.pack(Basket([2**60]), None)


@pytest.mark.parametrize(
    ("kind", "packed", "words"),
    [
        (Basket, b"\x81\xa5items\x91\xa1x", "state.items[0] (Expected int, got str)"),
        (list[int], b"\x91\xa1x", "state (Expected int, got str)"),
        (Owned, b"\x80", "state (Object missing required field owner)"),
        (Owned, b"\x81", "state"),
        (Owned, b"\xc1", "state"),
    ],
)
def test_a_state_kept_apart_that_misfits_is_told(kind: Any, packed: bytes, words: str) -> None:
    """By the field where msgspec names one, and never by a claim's name."""
    name = getattr(kind, "__name__", str(kind))
    with pytest.raises(BadState, match=re.escape(f"{words} does not fit {name}")):
        TypedState(kind).read_state(packed)


class Picky(msgspec.Struct):
    """A state that checks itself in a way that msgspec does not take for a check."""

    count: int = 0

    def __post_init__(self) -> None:
        """Refuse what is below 0, one way or another."""
        assert self.count != -1
        if self.count == -2:
            raise LookupError(self.count)
        if self.count < 0:
            raise Unfit(self.count)


class Unfit(Exception):  # noqa: N818  # an application's own
    """What a state of another version is."""


@pytest.mark.parametrize("count", [-1, -2, -3])
def test_whatever_a_type_raises_of_a_state_is_a_misfit(count: int) -> None:
    """Of a state that is read and of one that is to be written."""
    form, state = TypedState(Picky), Picky()
    _, misfit = form.read(write({"count": count}))
    assert misfit == "state does not fit Picky"
    with pytest.raises(BadState, match="state does not fit Picky"):
        form.read_state(msgspec.msgpack.encode({"count": count}))
    state.count = count
    with pytest.raises(StateError, match="state: does not fit Picky"):
        form.checked(state)


@pytest.mark.parametrize("count", ["hunter2", "hunter2\ud800"])
def test_no_error_of_a_typed_state_has_it_behind_itself(count: Any) -> None:
    """As reports of errors show what led to them."""
    with pytest.raises(StateError) as caught:
        TypedState(Counter).checked(spoilt(count))
    assert caught.value.__context__ is None


def spoilt(count: Any) -> Counter:
    """Return a state with something else where a number belongs."""
    counter = Counter(1)
    counter.count = count
    return counter


def test_only_states_without_a_type_are_rewritten_alike() -> None:
    """A type can have got another field since, so its bytes are compared after writing anew."""
    assert UntypedState.rewrites_alike
    assert not TypedState.rewrites_alike


def test_what_goes_into_the_claims_is_checked_first() -> None:
    """As it is, or packed already: a state of core values passes and is given back."""
    form = UntypedState()
    assert form.checked({"a": 1}) == {"a": 1}
    with pytest.raises(StateError, match=r"^state\.a"):
        form.checked({"a": 2**53})
