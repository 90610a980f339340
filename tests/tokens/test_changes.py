"""Whether the state of a session is another than the one that was found."""

from __future__ import annotations

import os
import sys
import threading
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tests.tokens.samples import RINGS, sealed
from tokensession import Overflow, SessionCodec, SessionManager
from tokensession.format.state import comparer
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession import Session

RING = RINGS[0]


class Visit(msgspec.Struct):
    """A typed state."""

    pages: int = 0
    seen: list[str] = []


class Guarded(msgspec.Struct):
    """A typed state, each of which begins with another value."""

    guard: str = msgspec.field(default_factory=lambda: os.urandom(8).hex())
    unpacked: Any = None


def is_changed(codec: SessionCodec[Any], session: Session[Any]) -> bool:
    """Tell whether the state of a session has changed."""
    return codec.changes.is_changed(session._changing())


class One(IntEnum):
    """Values that are written as their base values."""

    ONE = 1
    TWO = 2


UNTYPED: dict[str, tuple[Callable[[Any], object], bool]] = {
    "nothing": (lambda s: None, False),
    "read": (lambda s: (s["a"], s.get("b"), list(s)), False),
    "nested_read": (lambda s: s["b"]["c"], False),
    "whole": (lambda s: s.state, False),
    "same": (lambda s: s.update(a=1), False),
    "set": (lambda s: s.update(a=2), True),
    "nested": (lambda s: s["b"].update(c=[]), True),
    "nested_whole": (lambda s: s.state["b"]["c"].append(1), True),
    "taken_back": (lambda s: (s["b"].update(d=1), s["b"].pop("d")), False),
    "order": (lambda s: s.update(a=s.pop("a")), True),
    "of_another_type": (lambda s: s.update(a=1.0), True),
    "removed": (lambda s: s.pop("a"), True),
    "replaced": (lambda s: setattr(s, "state", {"a": 1, "b": {"c": [2]}}), False),
    "replaced_by_another": (lambda s: setattr(s, "state", {"a": 1}), True),
    "default": (lambda s: s.get("gone", []), False),
    "default_and_set": (lambda s: (s.get("gone", []), s.update(gone=[])), True),
    "set_and_taken_back": (lambda s: (s.update(a=2), s.update(a=1)), False),
    "set_and_removed": (lambda s: (s.update(new=1), s.pop("new")), False),
    "same_by_its_base": (lambda s: s.update(a=One.ONE), False),
    "another_by_its_base": (lambda s: s.update(a=One.TWO), True),
    "true_for_one": (lambda s: s.update(a=True), True),
    "no_state_nested": (lambda s: s["b"].update(d=object()), True),
    "no_state": (lambda s: s.update(a=object()), True),
}


@pytest.mark.parametrize("name", UNTYPED)
@pytest.mark.parametrize("overflows", [False, True])
def test_a_state_of_core_values(name: str, *, overflows: bool) -> None:
    """Changes within a state count at each depth, and a change that was taken back does not."""
    overflow = Overflow(MemoryStore()) if overflows else None
    codec: SessionCodec[Any] = SessionCodec(RING, overflow=overflow)
    state: dict[str, Any] = {"a": 1, "b": {"c": [2]}}
    if overflows:
        state["large"] = "x" * 10_000
    session = codec.decode(codec.encode(state, now=NOW), now=NOW)
    run, changed = UNTYPED[name]
    run(session)
    assert is_changed(codec, session) is (changed or (overflows and name == "replaced"))


@pytest.mark.parametrize(
    ("run", "changed"),
    [
        (lambda s: s.state.pages, False),
        (lambda s: s.state.seen.append("x"), True),
        (lambda s: setattr(s.state, "pages", 1), True),
        (lambda s: setattr(s, "state", Visit()), False),
        (lambda s: setattr(s, "state", Visit(1)), True),
    ],
)
def test_a_state_of_a_type(run: Callable[[Any], object], *, changed: bool) -> None:
    """Its fields count."""
    codec = SessionCodec(RING, state_type=Visit)
    session = codec.decode(codec.encode(Visit(), now=NOW), now=NOW)
    run(session)
    assert is_changed(codec, session) is changed


SPELLINGS = [
    b"\xde\x00\x01\xa4seen\x90",  # a map 16
    b"\x81\xd9\x04seen\xdc\x00\x00",  # a str 8 and an array 16
    b"\x82\xa4seen\x91\x01\xa4seen\x90",  # the last of two equal keys, the first a misfit
]


@pytest.mark.parametrize("state", SPELLINGS)
def test_another_writers_spelling_is_no_change(state: bytes) -> None:
    """Only what the state says counts; a type can have got a field since."""
    untyped: SessionCodec[Any] = SessionCodec(RING)
    session = untyped.decode(sealed(state), now=NOW)
    assert session["seen"] == []
    assert not is_changed(untyped, session)
    session["seen"].append(1)
    assert is_changed(untyped, session)
    typed = SessionCodec(RING, state_type=Visit)
    other = typed.decode(sealed(state), now=NOW)
    assert other.state == Visit()
    assert not is_changed(typed, other)
    other.state.pages = 1
    assert is_changed(typed, other)


def test_a_new_state_is_empty_until_it_has_something() -> None:
    """Reading it is no change, and an empty one is told from another."""
    for codec in (SessionCodec(RING), SessionCodec(RING, state_type=Visit)):
        session = codec.new()
        assert session.state is not None
        assert not is_changed(codec, session)
        assert codec.changes.is_empty(session._changing())
    plain: SessionCodec[Any] = SessionCodec(RING)
    filled = plain.new()
    filled["a"] = 1
    assert is_changed(plain, filled)
    assert not plain.changes.is_empty(filled._changing())


def test_a_type_that_begins_with_another_value_each_time() -> None:
    """Reading such a session is no change, and a change is one."""
    codec = SessionCodec(RING, state_type=Guarded)
    session = codec.new()
    guard = session.state.guard
    assert not is_changed(codec, session)
    session.state.guard = "another"
    assert is_changed(codec, session)
    session.state.guard = guard
    assert not is_changed(codec, session)


def test_a_state_that_cannot_be_packed_is_a_change() -> None:
    """A state that cannot be packed counts as changed, so saving raises its error."""
    codec = SessionCodec(RING, state_type=Guarded)
    session = codec.new()
    session.state.unpacked = object()
    assert is_changed(codec, session)


@pytest.mark.parametrize("overflow", [None, MemoryStore()], ids=["token", "store"])
@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (lambda s: s.update(a=2), lambda s: None, False),
        (lambda s: s.update(a=2), lambda s: s["b"], False),
        (lambda s: s.update(a=2), lambda s: s.state, False),
        (lambda s: s.update(a=2), lambda s: s["b"].append(1), True),
        (lambda s: s["b"].append(1), lambda s: s["b"], False),
        (lambda s: s["b"].append(1), lambda s: s["b"].append(2), True),
    ],
)
def test_a_change_after_the_writing(
    overflow: MemoryStore | None,
    before: Callable[[Any], object],
    after: Callable[[Any], object],
    *,
    changed: bool,
) -> None:
    """The state is compared with what was written, and not with what was found."""
    codec: SessionCodec[Any] = SessionCodec(RING, overflow=overflow)
    state = {"a": 1, "b": [], "large": "x" * 10_000 if overflow else ""}
    session = codec.decode(codec.encode(state, now=NOW), now=NOW)
    before(session)
    value = session._changing()
    saved = comparer()(value.state) if value.shared else None
    codec.renew(session, now=NOW)
    after(session)
    assert codec.changes.is_changed_since(value, saved) is changed


def test_a_change_after_nothing_was_written() -> None:
    """A state that was only packed is compared with its bytes; none is equal to what has none."""
    codec: SessionCodec[Any] = SessionCodec(RING)
    session = codec.new()
    session["a"] = []
    value = session._changing()
    saved = comparer()(value.state)
    assert not codec.changes.is_changed_since(value, saved)
    session["a"].append(1)
    assert codec.changes.is_changed_since(value, saved)
    assert codec.changes.is_changed_since(value, None)


def test_a_refused_state_is_not_compared_with_its_token() -> None:
    """A request whose state misfits has a new state, which begins empty."""
    manager = SessionManager(SessionCodec(RING, overflow=MemoryStore()))
    lost = MemoryStore()
    token = SessionCodec(RING, overflow=lost).encode({"large": "x" * 10_000}, now=NOW)
    session = manager.open([(b"cookie", b"__Host-session=" + token.encode())], now=NOW)
    assert session.refused == "bad_state"
    assert session.get("tokensession/overflow", []) == []
    assert not is_changed(manager.codec, session)


def test_a_thread_that_still_reads_fails_no_saving() -> None:
    """What it reads is noted while the state is compared and written."""
    codec: SessionCodec[Any] = SessionCodec(RING)
    state = {f"k{number}": [number] for number in range(200)}
    token = codec.encode(state, now=NOW)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            session = codec.decode(token, now=NOW)
            reader = threading.Thread(target=lambda one: list(one.values()), args=(session,))
            reader.start()
            while reader.is_alive():
                assert not is_changed(codec, session)
                codec.renew(session, now=NOW)
            reader.join()
    finally:
        sys.setswitchinterval(interval)
