"""Which changes count: those that leave another session than the one that was found."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tokensession import KeyRing, SessionCodec, SessionManager
from tokensession.stores.memory.overflow import MemoryStore

from .exchange import POLICY, request, response, token_in

if TYPE_CHECKING:
    from collections.abc import Callable

RING = KeyRing.generate()
PLAIN = SessionManager(RING, policy=POLICY)
OVERFLOWING = SessionManager(RING, policy=POLICY, overflow=MemoryStore())

KEYS = st.sampled_from("abcd")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"]) | st.just(1.0),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)
STATES = st.dictionaries(KEYS, VALUES, max_size=4)


def _append(state: Any, key: str, value: Any) -> None:
    found = state.get(key)
    if isinstance(found, list):
        found.append(value)
    elif isinstance(found, dict):
        found[key] = value


def _drop(state: Any, key: str, _: Any) -> None:
    found = state.get(key)
    if isinstance(found, list | dict) and found:
        found.pop(0 if isinstance(found, list) else next(iter(found)))


def _loop(state: Any, _: str, value: Any) -> None:
    for item in state.values():
        if isinstance(item, list):
            item.append(value)


# What applications do to a dict, and to a session as to one.
OPERATIONS: dict[str, Callable[[Any, str, Any], object]] = {
    "set": lambda s, key, value: s.__setitem__(key, value),
    "delete": lambda s, key, _: s.pop(key, None),
    "read": lambda s, key, _: s.get(key),
    "set default": lambda s, key, value: s.setdefault(key, value),
    "update": lambda s, key, value: s.update({key: value}),
    "append": _append,
    "drop": _drop,
    "loop": _loop,
    "put back": lambda s, key, _: s.__setitem__(key, s.pop(key)) if key in s else None,
    "newest": lambda s, *_: s.popitem() if s else None,
    "compare": lambda s, *_: s == {},
}


def same(one: Any, other: Any) -> bool:
    """Tell whether two states are one in msgpack, where 1, 1.0 and True differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("manager", [PLAIN, OVERFLOWING], ids=["plain", "overflowing"])
@given(
    state=STATES,
    large=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), KEYS, VALUES), max_size=5),
)
def test_a_session_is_written_if_and_only_if_a_dict_would_differ(
    manager: SessionManager[Any],
    state: dict[str, Any],
    large: bool,  # noqa: FBT001  # drawn by Hypothesis
    steps: list[tuple[str, str, Any]],
) -> None:
    """Each operation leaves a session as it leaves a dict, and a cookie carries the change."""
    if large and manager is OVERFLOWING:
        state = {**state, "large": "x" * 9000}
    expected = copy.deepcopy(state)
    session = request(manager, manager.codec.encode(state, subject="42", now=NOW))
    for name, key, value in steps:
        OPERATIONS[name](expected, key, copy.deepcopy(value))
        OPERATIONS[name](session, key, copy.deepcopy(value))
    session.open()
    headers = response(manager, session)
    if same(expected, state) and list(expected) == list(state):
        assert "set-cookie" not in headers
    if not same(expected, state):
        found = request(manager, token_in(headers))
        assert same(found.state, expected)
        assert found.subject == "42"


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (lambda s: s.set_lifetime(), False),
        (lambda s: s.set_lifetime(1800), False),
        (lambda s: s.set_lifetime(600), True),
        (lambda s: s.set_lifetime(600, cap=7200), True),
        (lambda s: (s.set_lifetime(600), s.set_lifetime()), False),
        (lambda s: s.regenerate(), True),
        (lambda s: s.sign_in("42"), True),
        (lambda s: setattr(s, "state", {"a": [1]}), False),
        (lambda s: setattr(s, "state", {"a": [1.0]}), True),
    ],
)
def test_verbs(change: Callable[[Any], object], *, counts: bool) -> None:
    """A lifetime counts where it is another; a new id always does."""
    session = request(PLAIN, PLAIN.codec.encode({"a": [1]}, subject="42", now=NOW))
    change(session)
    assert PLAIN.is_changed(session) is counts
    assert ("set-cookie" in response(PLAIN, session)) is counts
    assert not PLAIN.is_changed(session)


def test_another_writers_spelling_is_no_change() -> None:
    """A state that another library packed in its own way is not written for that."""
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, state_type=dict[str, float])
    manager = SessionManager(codec)
    token = PLAIN.codec.encode({"price": 3}, now=NOW)  # an integer, which this codec reads as 3.0
    session = request(manager, token)
    assert session.state == {"price": 3.0}
    assert not manager.is_changed(session)
    assert response(manager, session) == {"vary": "Cookie"}
