"""What is written for a value that is not exactly of a core type (SPEC section 3)."""

from __future__ import annotations

import collections
import enum
import math
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.utils.datastructures import MultiValueDict
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from tokensession import ConfigError, KeyRing, SessionCodec, StateError
from tokensession.format.core_values import MAX_DEPTH, core_value
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.web.manager import SessionManager

if TYPE_CHECKING:
    from collections.abc import Iterator


class Colour(enum.StrEnum):
    """An enum that is a str."""

    RED = "red"


class Plain(enum.Enum):
    """An enum that is nothing else."""

    ONE = 1


class Token(dict[str, Any]):
    """A dict with methods of its own, as OAuth libraries make."""


class Big(int):
    """An id of a type of its own."""


class Loud(str):
    """Text that overrides what is shown of it, and equals what it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


class Moment(datetime):
    """An instant with methods of its own."""


class Precise(datetime):
    """An instant that holds more than a datetime can, so that it equals none."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = datetime.__hash__


class Broken(dict[str, Any]):
    """A dict that cannot be shown."""

    def items(self) -> Any:
        """Fail."""
        raise RuntimeError("secret")


class Endless(list[int]):
    """A list that shows other items than it holds."""

    def __iter__(self) -> Iterator[int]:
        return iter((7,))


class Key(str):
    """Text that hashes apart from equal text."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Pair(NamedTuple):
    """A tuple with names."""

    left: int


class Lazy:
    """A translation that is looked up when it is shown."""

    def __str__(self) -> str:
        return "hello"


WHEN = (2026, 3, 1, 12, 30, 15, 999)


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Colour.RED, "red"),
        (Loud("kept"), "kept"),
        (Markup("<b>"), "<b>"),
        (HTTPStatus.OK, 200),
        (Token(access="x"), {"access": "x"}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.defaultdict(int, a=1), {"a": 1}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        ({"status": [HTTPStatus.OK]}, {"status": [200]}),
        ({Colour.RED: 1}, {"red": 1}),
        (Moment(*WHEN, tzinfo=UTC, fold=1), datetime(*WHEN, tzinfo=UTC, fold=1)),
        ((1, Token(a=1)), [1, {"a": 1}]),
    ],
)
def test_a_subclass_is_written_as_the_base_that_it_equals(value: Any, base: Any) -> None:
    """A subclass is written as exactly its core type at each place of a state, and comes back."""
    written = core_value(value, "state")
    assert written == base
    assert type(written) is type(base)
    codec = SessionCodec(KeyRing.generate())
    assert codec.decode(codec.encode({"v": value})).state == {"v": base}


def test_core_values_are_not_copied() -> None:
    """A state of exactly core types is written as the object that it is."""
    state = {"a": [1, {"b": (None, b"x")}], "c": 1.5}
    assert core_value(state, "state") is state


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            MultiValueDict({"a": [1, 2]}),
            "a MultiValueDict does not equal the dict that is read back: store",
        ),
        (MultiDict([("a", 1), ("a", 2)]), "a MultiDict does not equal the dict"),
        (Precise(*WHEN, tzinfo=UTC), "a Precise does not equal the datetime"),
        (Broken(a=1), "a Broken does not equal the dict"),
        (Endless([1]), "a Endless does not equal the list"),
        (Key("x"), "a Key does not equal the str"),
        (
            Decimal(1),
            r"msgpack has no Decimal: store str\(\.\.\.\), pass",
        ),
        (uuid.UUID(int=1), r"msgpack has no UUID: store str\("),
        (date(2026, 3, 1), r"msgpack has no date: store its isoformat\("),
        (timedelta(1), r"msgpack has no timedelta: store its total_seconds\("),
        ({1}, r"msgpack has no set: store sorted\("),
        (Pair(1), r"msgpack has no Pair: store tuple\("),
        (Plain.ONE, "msgpack has no Plain: store its value"),
        (Lazy(), "msgpack has no Lazy: store a core value"),
    ],
)
def test_other_values_are_refused_with_a_remedy(value: Any, reason: str) -> None:
    """The error names path, type, remedy and hook, and never the value."""
    with pytest.raises(StateError, match=rf"^state\.a: {reason}") as caught:
        core_value({"a": value}, "state")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_keys_that_become_equal_are_refused() -> None:
    """Of two keys with one text one value would be lost."""
    shadow = type("Shadow", (str,), {"__hash__": lambda _: 1})
    with pytest.raises(StateError, match=r"two keys are both written as 'a'"):
        core_value({"m": {"a": 1, shadow("a"): 2}}, "state")


@pytest.mark.parametrize("key", ["__proto__", "tokensession/overflow"])
def test_reserved_keys_are_refused_as_subclasses_too(key: str) -> None:
    """A key that is written as a reserved one is refused like it."""
    codec = SessionCodec(KeyRing.generate())
    with pytest.raises(StateError, match=key):
        codec.encode({type("Text", (str,), {})(key): 1})


def test_depth_counts_through_subclasses() -> None:
    """A subclass of a container is a level as its base is."""
    state: Any = None
    for _ in range(MAX_DEPTH + 1):
        state = Token(a=state)
    with pytest.raises(StateError, match="nested deeper than 32 levels"):
        core_value(state, "state")


class TestConvert:
    """What the application's own function makes of other values."""

    def test_its_result_is_written(self) -> None:
        """Each value of another type goes through it, in maps, arrays and keys."""
        codec = SessionCodec(KeyRing.generate(), convert=str)
        one = uuid.UUID(int=1)
        token = codec.encode({"price": Decimal("1.50"), "ids": [one], "by": {one: Lazy()}})
        state = codec.decode(token).state
        assert state == {"price": "1.50", "ids": [str(one)], "by": {str(one): "hello"}}

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (2**53, "9007199254740992"),
            (-(2**63) - 1, "-9223372036854775809"),
            (Big(2**53), "9007199254740992"),
            (math.nan, "nan"),
            (datetime(2026, 1, 1), "2026-01-01 00:00:00"),  # noqa: DTZ001  # the point
            (
                {1: "a", None: {2.5: "b"}, (1, 2): "c"},
                {"1": "a", "None": {"2.5": "b"}, "(1, 2)": "c"},
            ),
        ],
    )
    def test_core_types_that_cannot_be_written(self, value: object, written: object) -> None:
        """They go through it too, and are no change after they were written."""
        manager = SessionManager(KeyRing.generate(), convert=str)
        session = manager.open([])
        session.state["deep"] = [value]
        headers: list[tuple[bytes, bytes]] = []
        manager.save(session, headers)
        manager.check_unchanged(session)
        token = dict(headers)[b"set-cookie"].partition(b";")[0]
        assert manager.open([(b"cookie", token)]).state == {"deep": [written]}

    def test_keys_that_become_equal(self) -> None:
        """They are refused, because one of the members would be lost."""
        codec = SessionCodec(KeyRing.generate(), convert=str)
        with pytest.raises(StateError, match=r"^state\.n: two keys are both written as '1'"):
            codec.encode({"n": {1: "a", "1": "b"}})

    def test_text_and_subjects_do_not_go_through_it(self) -> None:
        """Text is written as it is or refused, and a subject is not part of the state."""
        codec = SessionCodec(KeyRing.generate(), convert=lambda _: 1)
        with pytest.raises(StateError, match="lone surrogate"):
            codec.encode({"a": "\ud800"})
        with pytest.raises(StateError, match=r"store it as str$"):
            codec.encode({}, subject=2**53)

    def test_core_values_and_subclasses_do_not_go_through_it(self) -> None:
        """It is called for what could not be written without it."""
        seen: list[Any] = []
        codec = SessionCodec(KeyRing.generate(), convert=seen.append)
        codec.encode({"a": 1, "b": Colour.RED, "c": Token(a=None)})
        assert seen == []

    def test_its_result_must_be_written_without_it(self) -> None:
        """A result of another type is refused: it goes through the function once."""
        codec = SessionCodec(KeyRing.generate(), convert=lambda _: Decimal(1))
        reason = r"^state\.a: convert returned a Decimal for a Lazy: return core values"
        with pytest.raises(StateError, match=reason):
            codec.encode({"a": Lazy()})

    def test_what_it_raises_shows_nothing(self) -> None:
        """The error has the path; neither its text nor its chain holds the value."""

        def refuse(value: object) -> Any:
            raise LookupError(f"secret {value}")

        codec = SessionCodec(KeyRing.generate(), convert=refuse)
        with pytest.raises(
            StateError, match=r"^state\.a\[0\]: convert raised LookupError for a Lazy"
        ) as caught:
            codec.encode({"a": [Lazy()]})
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None

    def test_a_value_that_does_not_equal_its_base_is_refused(self) -> None:
        """It is no hook for subclasses, which say themselves what they equal."""
        codec = SessionCodec(KeyRing.generate(), convert=dict)
        with pytest.raises(StateError, match="a MultiValueDict does not equal the dict"):
            codec.encode({"q": MultiValueDict({"a": [1, 2]})})

    def test_it_must_be_a_function(self) -> None:
        """A type error is found when the codec is made."""
        with pytest.raises(ConfigError, match="convert must be a function, not str"):
            SessionCodec(KeyRing.generate(), convert="str")  # type: ignore[call-overload]  # the point

    def test_states_that_overflow_are_converted_too(self) -> None:
        """What goes into the store is what the token would hold."""
        codec = SessionCodec(KeyRing.generate(), overflow=MemoryStore(), convert=str)
        token = codec.encode({"text": "x" * 9000, "price": Decimal(1), "colour": Colour.RED})
        session = codec.decode(token)
        assert dict(session) == {"text": "x" * 9000, "price": "1", "colour": "red"}
        session["price"] = Decimal(2)
        session[Loud("key")] = Loud("kept")
        back = codec.decode(codec.renew(session))
        assert dict(back) == {
            "text": "x" * 9000, "price": "2", "colour": "red", "key": "kept",
        }  # fmt: skip
        assert {type(key) for key in back} == {str}


def test_nan_of_a_subclass_is_refused() -> None:
    """It equals nothing, not even itself."""
    with pytest.raises(StateError, match="does not equal the float"):
        core_value({"n": type("Number", (float,), {})(math.nan)}, "state")
