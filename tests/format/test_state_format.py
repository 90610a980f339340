"""How the state of a codec is read, packed and checked."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
import uuid
from typing import Any, TypedDict

import msgspec
import pytest

from tests.format.test_claims import SID, write
from tokensession import BadClaims, BadState, ConfigError, StateError
from tokensession.format.lazy_state import Members
from tokensession.format.state import encode_msgpack
from tokensession.format.state_format import state_format
from tokensession.format.typed_state import TypedState
from tokensession.format.untyped_state import UntypedState

# -- types ---------------------------------------------------------------------------------------


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


STATES: list[Any] = [
    Cart(uuid.UUID(int=7), {"a": 2}), Account("Ada", dt.date(1815, 12, 10)),
    Preferences(theme="dark"), Counter(3),
]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
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


@pytest.mark.parametrize("kind", [str | bytes, dict[bytes, complex] | list[int] | list[str]])
def test_a_type_that_msgspec_does_not_support_is_refused(kind: Any) -> None:
    """The error is a ConfigError of the codec's argument."""
    with pytest.raises(ConfigError, match="state_type is not supported"):
        state_format(kind)


# -- states that are packed already --------------------------------------------------------------


def _deep(levels: int) -> Any:
    return [_deep(levels - 1)] if levels else "leaf"


STATE = {"a": 1, "b": [2], "c": {"d": None}}
FORMERS: list[Any] = [None, {}, STATE, {"a": 1}, {"a": 2, "z": 3}, [1], "text"]


@pytest.mark.parametrize("former", FORMERS)
def test_a_state_is_written_as_it_was_packed(former: Any) -> None:
    """What was there before decides what is checked, and not what is written."""
    form, before = UntypedState(), None if former is None else encode_msgpack(former)
    for state in (STATE, [1, 2], "text", None):
        packed = encode_msgpack(state)
        assert bytes(form.checked(state, packed, former=before)) == packed


@pytest.mark.parametrize("wrong", [2**53, float("nan"), _deep(32), "\ud800", object(), {1: 2}])
def test_a_member_that_would_change_is_named(wrong: Any) -> None:
    """It is found by its touch, beside a former state, and in a state that is checked whole."""
    form, state = UntypedState(), {"a": 1, "b": wrong}
    packed = UntypedState().pack(state)
    former = encode_msgpack({"a": 1, "b": 2})
    ways: list[dict[str, Any]] = [
        {"packed": None}, {"packed": packed}, {"packed": packed, "touched": {"b"}},
        {"packed": packed, "touched": {"a", "b"}}, {"packed": packed, "former": former},
        {"packed": packed, "former": b"\x80"}, {"packed": packed, "former": b"\x01"},
    ]  # fmt: skip
    for way in ways:
        with pytest.raises(StateError, match=r"^state\.b"):
            write(form.checked(state, **way))


def test_a_member_that_was_not_touched_stays_as_it_came() -> None:
    """It is what another key holder wrote, even if this library would not have written it."""
    form, state = UntypedState(), {"odd": _deep(40), "n": 1}
    former = encode_msgpack(state)
    assert bytes(form.checked(state, former, touched=())) == former
    state["n"] = 2
    packed = encode_msgpack(state)
    for way in ({"touched": {"n"}}, {"touched": {"n", "gone"}}, {"former": former}):
        assert bytes(form.checked(state, packed, **way)) == packed
    for way in ({"touched": {"odd"}}, {"former": encode_msgpack({"n": 1})}, {}):
        with pytest.raises(StateError, match=r"^state\.odd"):
            form.checked(state, packed, **way)


class Key(enum.StrEnum):
    """Keys that an application has names for."""

    CART = "cart"


def test_a_member_is_touched_by_any_key_that_equals_its_own() -> None:
    """An enum's member reads a key that is plain text, and does not become the key."""
    form, state = UntypedState(), {"cart": [1]}
    packed = encode_msgpack(state)
    assert bytes(form.checked(state, packed, touched={Key.CART})) == packed
    assert bytes(form.checked({Key.CART: [1]}, packed, touched={Key.CART})) == packed


@pytest.mark.parametrize("key", ["__proto__", "tokensession/overflow", 7])
def test_a_key_that_would_not_come_back_is_refused(key: Any) -> None:
    """It is found by its touch as well as in a state that is checked whole."""
    form, state = UntypedState(), {"a": 1, key: 1}
    for way in ({}, {"touched": {key}}, {"former": encode_msgpack({"a": 1})}):
        with pytest.raises(StateError, match=r"^state: "):
            form.checked(state, form.pack(state), **way)


def test_a_key_that_takes_the_place_of_an_equal_one_is_written_as_its_text() -> None:
    """Of a state that is read member by member, and of one that overflowed before."""
    packed = encode_msgpack({"cart": 1})
    state = {Key.CART: 1}
    form = UntypedState()
    assert bytes(form.checked(state, form.pack(state), former=packed)) == packed
    members = Members(packed)
    members[Key.CART] = members.pop("cart")
    assert bytes(form.checked(members, form.pack(members), touched={"cart"})) == packed


def test_members_are_checked_where_they_changed() -> None:
    """Of a state that is read member by member the others are not even read."""
    form = UntypedState()
    members = Members(b"\x82\xa1a\x01\xa1b\xa1\xff")  # the text of b is not UTF-8
    members["a"] = 2
    packed = encode_msgpack(members)
    assert bytes(form.checked(members, packed, touched={"a"})) == packed
    members["a"] = {1}
    with pytest.raises(StateError, match=r"^state\.a: msgpack has no set"):
        form.checked(members, packed, touched={"a"})


@pytest.mark.parametrize("wrong", [object(), 1j, range(3)])
def test_what_cannot_be_written_is_not_written_as_nil(wrong: object) -> None:
    """It would come back as None, or pass for the None that was there."""
    with pytest.raises(TypeError, match="msgpack has no"):
        encode_msgpack({"a": wrong})
    with pytest.raises(StateError, match="cannot write"):
        TypedState(dict[str, Any]).checked({"a": wrong})


def test_packing_tells_what_cannot_be_packed() -> None:
    """None stands for it, so that a change is not taken for none."""
    assert UntypedState().pack({"a": 1}) == b"\x81\xa1a\x01"
    for wrong in (object(), "\ud800", 2**64, {"a": 1j}):
        assert UntypedState().pack(wrong) is None


# -- states that begin, or are kept apart --------------------------------------------------------


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
    """It is one value of its type, checked like any other."""
    form = TypedState(Basket)
    packed = bytes(form.checked(Basket([1, 2])))
    assert packed == b"\x81\xa5items\x92\x01\x02"
    assert bytes(form.checked(Basket([1, 2]), packed)) == packed
    assert form.read_state(packed) == Basket([1, 2])
    assert UntypedState().read_state(packed) == {"items": [1, 2]}
    with pytest.raises(StateError):
        form.checked(Basket([2**60]))


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


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x91", b"\xc0\xc0", b"\x81\xa1a\xc1"])
def test_a_state_kept_apart_that_is_no_msgpack_is_refused(packed: bytes) -> None:
    """A broken writer can have sealed it in good order."""
    for form in (UntypedState(), TypedState(dict)):
        with pytest.raises(BadState):
            form.read_state(packed)


@pytest.mark.parametrize(
    ("packed", "repacked"),
    [
        (b"\xde\x00\x01\xa1a\x01", b"\x81\xa1a\x01"),  # a map 16
        (b"\x81\xd9\x01a\xcd\x00\x01", b"\x81\xa1a\x01"),  # a str 8 and a uint 16
        (b"\x82\xa1a\x02\xa1a\x01", b"\x81\xa1a\x01"),  # the last of two equal keys
        (b"\x81\xa1a\x01", b"\x81\xa1a\x01"),
        (b"\xc1", None),
        (b"\x81\xa1a", None),
    ],
)
def test_another_writers_spelling_is_the_same_state(packed: bytes, repacked: bytes | None) -> None:
    """What is packed anew is compared, typed or not."""
    assert UntypedState().repacked(packed) == repacked
    assert TypedState(dict[str, int]).repacked(packed) == repacked


def test_of_two_equal_keys_the_last_fits_or_does_not() -> None:
    """In a token and apart from one."""
    for packed, fits in ((b"\x82\xa1a\xa1x\xa1a\x01", True), (b"\x82\xa1a\x01\xa1a\xa1x", False)):
        form = TypedState(dict[str, int])
        claims, misfit = form.read(write(msgspec.Raw(packed)))
        assert (claims.state == {"a": 1}, misfit is None) == (fits, fits)
        if fits:
            assert form.read_state(packed) == {"a": 1}
        else:
            with pytest.raises(BadState, match="Expected int, got str"):
                form.read_state(packed)


def test_a_type_that_got_another_field_is_the_same_state() -> None:
    """A field that the type gained has its default, and does not count as a change."""
    packed = TypedState(Basket).repacked(b"\x80")
    assert packed == encode_msgpack(Basket())
    assert TypedState(Owned).repacked(b"\x80") is None


def test_what_goes_into_the_claims_is_checked_first() -> None:
    """As it is, or packed already: a state of core values passes and is given back."""
    form = UntypedState()
    assert form.checked({"a": 1}) == {"a": 1}
    with pytest.raises(StateError, match=r"^state\.a"):
        form.checked({"a": 2**53})


class _Busy(dict[str, int]):
    """A map to which another thread adds while it is read."""

    def __eq__(self, other: object) -> bool:
        shared["b"] = 2
        return super().__eq__(other)

    __hash__ = None


shared: dict[str, Any] = {}


@pytest.mark.parametrize("packed", [None, b"\x80"])
def test_a_state_that_another_thread_changes(packed: bytes | None) -> None:
    """It is a StateError, so that a sign-out holds, and not an error of the iteration."""
    shared.clear()
    shared.update(a=_Busy(n=1), z=1)
    with pytest.raises(StateError, match="another thread changed it while it was written"):
        UntypedState().checked(shared, packed)


class _Unreadable:
    """A class that msgspec leaves to hooks."""


@pytest.mark.parametrize(
    "kind",
    [
        _Unreadable, list[_Unreadable], dict[str, _Unreadable | None],
        msgspec.defstruct("Outer", [("inner", tuple[_Unreadable, ...], ())]),
    ],
)  # fmt: skip
def test_a_type_that_cannot_be_read_back_is_refused(kind: Any) -> None:
    """The error names an unreadable type anywhere in the state's type, and what replaces it."""
    with pytest.raises(ConfigError, match="cannot read _Unreadable back: use a dataclass"):
        state_format(kind)


class _Node(msgspec.Struct):
    """A type that holds itself."""

    next: _Node | None = None


def test_a_type_that_holds_itself() -> None:
    """It is looked at once."""
    form = state_format(_Node)
    state = _Node(_Node())
    assert form.read_state(bytes(form.checked(state, None, touched=None, former=None))) == state


class _Unnamed(msgspec.Struct):
    """A type with a field of a type that cannot be found."""

    part: Missing  # type: ignore[name-defined]  # noqa: F821


def test_a_type_whose_annotations_cannot_be_read() -> None:
    """It is refused with the name that is missing."""
    with pytest.raises(ConfigError, match=r"state_type is not supported: .*Missing"):
        state_format(_Unnamed)


class _Failing(msgspec.Struct):
    """A type that cannot be compared."""

    a: int = 0

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("a value of the state")

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass
class _Undue:
    """A type whose default fails."""

    a: float = dataclasses.field(default_factory=lambda: 1 / 0)


def test_a_type_that_raises() -> None:
    """What its own code raises is a StateError without the text, or a session without a default."""
    form = state_format(_Failing)
    with pytest.raises(StateError, match="does not read back as the same _Failing") as caught:
        form.checked(_Failing(), None, touched=None, former=None)
    assert caught.value.__context__ is None
    assert state_format(_Undue).empty() is None


@pytest.mark.parametrize("state", [{}, {"a": 0}])
def test_a_dict_in_the_place_of_its_type(state: Any) -> None:
    """It is refused with both types, although it would be read as the type."""
    form: Any = state_format(msgspec.defstruct("Plain", [("a", int, 0)]))
    with pytest.raises(StateError, match="state: is a dict, not a Plain"):
        form.checked(state, None, touched=None, former=None)
