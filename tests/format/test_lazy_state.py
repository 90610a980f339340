"""States whose members are read one by one, and which the application uses as dicts."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from itertools import repeat
from threading import Barrier
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.conformance import OPERATIONS
from tokensession import BadState, KeyRing, Overflow, SessionCodec, SessionManager, StateError
from tokensession.format.lazy_state import Members
from tokensession.format.state import encode_msgpack, pack_state
from tokensession.stores.memory.overflow import MemoryStore

KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
STATES = st.dictionaries(KEYS, VALUES)
STEPS = st.lists(
    st.tuples(st.sampled_from(["get", "set", "delete", "append", "set again"]), KEYS, VALUES)
)


def take(step: tuple[str, str, Any], state: Any) -> object:
    """Do something to a state, and return what can be seen of it."""
    verb, key, value = step
    if verb == "set":
        state[key] = value
    elif verb == "set again" and key in state:
        state[key] = state[key]
    elif verb == "delete":
        return state.pop(key, None)
    elif verb == "append" and isinstance(state.get(key), list):
        state[key].append(value)
    return state.get(key), key in state, len(state)


@given(STATES, STEPS)
def test_they_are_a_dict(state: dict[str, Any], steps: list[tuple[str, str, Any]]) -> None:
    """After the same operations both show the same, in the same order, and have the same bytes."""
    former = pack_state(state)
    members = Members(former)
    for step in steps:
        assert take(step, members) == take(step, state)
        assert members.packed() == encode_msgpack(members) == encode_msgpack(state)
        known = msgspec.msgpack.decode(former)
        assert members.changed() == {
            key: value
            for key, value in state.items()
            if key not in known or encode_msgpack(known[key]) != encode_msgpack(value)
        }
    assert list(members) == list(state)
    assert list(reversed(members)) == list(reversed(state))
    assert members.whole() == state


def test_what_nobody_asks_for_is_not_read() -> None:
    """That is what they are for; and what was read is the same object each time."""
    members = Members(b"\x82\xa1a\x91\x01\xa1b\xa1\xff")  # the text of b is not UTF-8
    assert members["a"] is members["a"]
    assert members.packed() == members._packed
    for _ in range(2):
        with pytest.raises(BadState, match="a member of the state is malformed") as found:
            members["b"]
        assert found.value.__context__ is None
    with pytest.raises(BadState):
        members.whole()
    with pytest.raises(KeyError):
        members["c"]


@pytest.mark.parametrize(
    "packed", [b"", b"\xc0", b"\x81\xa1a", b"\x81\xa1a\xc1", b"\x80\xc0", b"\x81\x01\x01"]
)
def test_what_is_no_map_of_members(packed: bytes) -> None:
    """It is refused at once, cut and trailing bytes included."""
    with pytest.raises(ValueError):  # noqa: PT011  # msgspec's
        Members(packed)


BASKET = {"basket": "x" * 10_000}


@pytest.fixture
def managers(hs256: KeyRing) -> list[SessionManager[Any]]:
    """Give one whose states are read member by member, and one whose states are not."""
    overflow = Overflow(MemoryStore())
    codecs: list[SessionCodec[Any]] = [
        SessionCodec(hs256, overflow=overflow), SessionCodec(hs256),
    ]  # fmt: skip
    return [SessionManager(codec) for codec in codecs]


def visit(manager: SessionManager[Any], state: dict[str, Any], name: str) -> tuple[Any, ...]:
    """Do an operation in a request with a session of a state; return what comes of it."""
    codec = manager.codec
    given = codec.new()
    given.state = state
    session = manager.open([(b"cookie", b"__Host-session=" + codec.renew(given).encode())])
    result = OPERATIONS[name].run(session)
    headers: list[tuple[bytes, bytes]] = []
    manager.save(session, headers)
    names = [name for name, _ in headers]
    return result, names, session.state if session.opened else None


MOMENTS = {"sid", "issued_at", "started_at", "expires_at"}


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - MOMENTS))
def test_every_operation_on_a_session(managers: list[SessionManager[Any]], name: str) -> None:
    """It sees, does and leaves what it would with a state in the token."""
    large, small = managers
    state = {"cart": ["tea"], "n": 1}
    result, headers, after = visit(large, {**state, **BASKET}, name)
    if isinstance(result, dict):
        result = {key: value for key, value in result.items() if key not in BASKET}
    expected, expected_headers, expected_after = visit(small, {**state, "basket": ""}, name)
    if name in ("values", "items", "popitem", "state", "copy", "dict", "unpacking", "union"):
        expected = result  # the basket's own value
    if expected_after is not None and "basket" in expected_after:
        expected_after |= BASKET
    assert (result, headers, after) == (expected, expected_headers, expected_after)


@pytest.mark.parametrize("value", [object(), {1: 2}, msgspec.Raw(b"\x01"), "\ud800", 2**53])
def test_what_no_state_can_hold(managers: list[SessionManager[Any]], value: object) -> None:
    """It is refused by its path, also beside members that were not read."""
    manager = managers[0]
    codec = manager.codec
    given = codec.new()
    given.state = {**BASKET, "n": 1}
    session = manager.open([(b"cookie", b"__Host-session=" + codec.renew(given).encode())])
    session["new"] = value
    with pytest.raises(StateError, match=r"state\.new"):
        manager.save(session, [])


def test_another_codec_writes_it_whole(hs256: KeyRing) -> None:
    """A codec without a store takes such a session like any other."""
    state = {"cart": ["tea"] * 500, "n": 1}
    codec: SessionCodec[Any] = SessionCodec(hs256, overflow=Overflow(MemoryStore()))
    given = codec.new()
    given.state = {**state, **BASKET}
    session = codec.decode(codec.renew(given))
    del session["basket"]
    assert type(session._changing().state) is Members
    plain: SessionCodec[Any] = SessionCodec(hs256)
    assert plain.decode(plain.renew(session)).state == state


class Key(Enum):
    """Keys of an application."""

    CART = "not as it is written"


def test_keys_that_are_converted(hs256: KeyRing) -> None:
    """They are written as `convert` says, beside members that were not read."""
    codec: SessionCodec[Any] = SessionCodec(
        hs256, overflow=Overflow(MemoryStore()), convert=lambda value: value.name
    )
    given = codec.new()
    given.state = {**BASKET, "n": 1}
    manager = SessionManager(codec)
    session = manager.open([(b"cookie", b"__Host-session=" + codec.renew(given).encode())])
    session[Key.CART] = Key.CART  # type: ignore[index]  # no str
    headers: list[tuple[bytes, bytes]] = []
    manager.save(session, headers)
    token = dict(headers)[b"set-cookie"].partition(b"=")[2].partition(b";")[0]
    assert codec.decode(token).state == {**BASKET, "n": 1, "CART": "CART"}


def test_threads_read_the_same_member() -> None:
    """A change that one makes within it is seen by the others."""
    packed = pack_state({"a": [0] * 2000})
    start = Barrier(3)

    def look(members: Members, name: str) -> Any:
        start.wait()
        return members.whole()["a"] if name == "whole" else members["a"]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as threads:
            for _ in range(100):
                members = repeat(Members(packed), 3)
                seen = [*threads.map(look, members, ("item", "item", "whole"))]
                assert seen[0] is seen[1] is seen[2]
    finally:
        sys.setswitchinterval(interval)
