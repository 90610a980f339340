"""What a state may hold (SPEC section 3)."""

from __future__ import annotations

import enum
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensession import StateError
from tokensession.format.core_values import MAX_DEPTH, MAX_INT, core_value
from tokensession.format.state import check_subject, pack_state

if TYPE_CHECKING:
    from collections.abc import Callable


class Level(enum.IntEnum):
    """An enum that is an int."""

    HIGH = 3


def nested(levels: int, inner: Any = None) -> Any:
    """Return lists in each other, `levels` of them."""
    state = inner
    for _ in range(levels):
        state = [state]
    return state


text = st.text(st.characters(exclude_categories=["Cs"]))
keys = text.filter(lambda key: key != "__proto__")
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.floats(allow_nan=False)
    | text
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
)
core_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20
)


@given(core_values)
def test_core_values_come_back_as_they_are(state: Any) -> None:
    """Each core value reads back equal, with the same types."""
    back = msgspec.msgpack.decode(pack_state(state))
    assert back == state
    assert repr(back) == repr(state)


def test_tuples_are_written_as_arrays() -> None:
    """A tuple is accepted and comes back as a list."""
    assert msgspec.msgpack.decode(pack_state({"point": (1, (2, 3))})) == {"point": [1, [2, 3]]}


def test_aware_datetimes_come_back_in_utc() -> None:
    """The instant is kept, the zone is not."""
    moment = datetime(2026, 7, 25, 19, 20, tzinfo=timezone(timedelta(hours=2)))
    back = msgspec.msgpack.decode(pack_state({"at": moment}))["at"]
    assert back == moment
    assert back.tzinfo is UTC


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ({"at": datetime(2026, 7, 25)}, "state.at"),  # noqa: DTZ001  # naive on purpose
        ({"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))}, "state.at"),
        ({"at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "state.at"),
        ({"on": date(2026, 7, 25)}, "state.on"),
        ({"at": time(12, 0, tzinfo=UTC)}, "state.at"),
        ({"for": timedelta(1)}, "state.for"),
        ({"id": uuid.UUID(int=0)}, "state.id"),
        ({"price": Decimal("1.5")}, "state.price"),
        ({"tags": {"a"}}, "state.tags"),
        ({"tags": frozenset("a")}, "state.tags"),
        ({"b": bytearray(b"x")}, "state.b"),
        ({"b": memoryview(b"x")}, "state.b"),
        ({"o": object()}, "state.o"),
        ({"z": 1j}, "state.z"),
        ({"n": math.nan}, "state.n"),
        ({"n": [1, -math.nan]}, "state.n[1]"),
        ({"i": MAX_INT + 1}, "state.i"),
        ({"i": -MAX_INT - 1}, "state.i"),
        ({"i": 2**64}, "state.i"),
        ({"i": 10**400}, "state.i"),
        ({"t": "\ud800"}, "state.t"),
        ({"\ud800": 1}, "state"),
        ({1: 2}, "state"),
        ({"m": {None: 2}}, "state.m"),
        ({"m": {b"k": 2}}, "state.m"),
        ({"m": {"__proto__": 2}}, "state.m"),
        ({"a": [1, {"b": [None, {1}]}]}, "state.a[1].b[1]"),
        ({"odd key": {"x": {1}}}, 'state["odd key"].x'),
        (Decimal(1), "state"),
        (nested(MAX_DEPTH + 1), "state" + "[0]" * MAX_DEPTH),
    ],
)
def test_what_would_change_is_refused_with_its_path(state: Any, path: str) -> None:
    """Nothing that would come back as something else is written; the error says where it is."""
    with pytest.raises(StateError) as caught:
        pack_state(state)
    assert caught.value.path == path


def test_messages_never_hold_a_value() -> None:
    """An error names path and type, and not the value."""
    with pytest.raises(StateError) as caught:
        pack_state({"pin": Decimal(271828)})
    assert str(caught.value).startswith("state.pin: msgpack has no Decimal")
    assert "271828" not in str(caught.value)


def test_depth_counts_the_state_as_level_one() -> None:
    """32 levels are written, 33 are refused."""
    pack_state(nested(MAX_DEPTH))
    pack_state(nested(MAX_DEPTH, "leaf"))
    with pytest.raises(StateError, match="deeper than 32"):
        pack_state(nested(MAX_DEPTH, []))


def test_cycles_are_refused() -> None:
    """A state that contains itself is nested too deep, and ends in an error at once."""
    cycle: list[Any] = []
    cycle += [cycle, cycle]
    with pytest.raises(StateError, match="deeper than 32"):
        pack_state(cycle)


@pytest.mark.parametrize("number", [MAX_INT, -MAX_INT, 2**32, -(2**31) - 1, 0, -1])
def test_integers_up_to_53_bits_are_kept(number: int) -> None:
    """Both bounds are inside."""
    assert msgspec.msgpack.decode(pack_state([number])) == [number]


@given(st.recursive(scalars | st.integers() | st.floats() | st.text() | st.just({1}),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_the_quick_check_agrees_with_the_walk(state: Any) -> None:
    """A state is written exactly when the full walk has no complaint."""
    assert complaint(lambda value: core_value(value, "state"), state) == complaint(
        pack_state, state
    )


def complaint(check: Callable[[Any], object], state: Any) -> str | None:
    """Return what a check says of a state, or None."""
    try:
        check(state)
    except StateError as error:
        return str(error)
    return None


@pytest.mark.parametrize("subject", ["", "42", "ünï", 0, 42, MAX_INT, -MAX_INT, None])
def test_subjects(subject: str | int | None) -> None:
    """A subject is any text, an integer within 53 bits, or None."""
    check_subject(subject)


@pytest.mark.parametrize(
    "subject", [True, 1.0, b"42", MAX_INT + 1, -MAX_INT - 1, "\ud800", Level.HIGH, uuid.UUID(int=1)]
)
def test_other_subjects_are_refused(subject: Any) -> None:
    """A bool is no subject, nor is anything that would come back changed."""
    with pytest.raises(StateError, match=r"^subject: "):
        check_subject(subject)
