"""The mapping of a session's untyped state, and what it notes of each access."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import KeyRing, Overflow, Session, SessionCodec
from tokensession.stores.memory.overflow import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable


class Visit(msgspec.Struct):
    """A typed state."""

    pages: int = 0


@pytest.fixture
def codec(hs256: KeyRing) -> SessionCodec[Any]:
    """Give the codec of an untyped state."""
    return SessionCodec(hs256)


@pytest.fixture
def session(codec: SessionCodec[Any]) -> Session[Any]:
    """Give a session that has been decoded."""
    return codec.decode(codec.encode({"a": 1, "b": [2]}, now=NOW), now=NOW)


class TestMapping:
    def test_it_reads_like_its_state(self, session: Session[Any]) -> None:
        """The session answers as a dict does."""
        state = session.state
        assert session["a"] == 1
        assert len(session) == 2
        assert list(session) == list(state)
        assert list(reversed(session)) == list(reversed(state))
        assert "a" in session
        assert session == state
        assert session != {}
        assert session | {"c": 3} == {**state, "c": 3}
        assert {"a": 0, "c": 3} | session == {"a": 1, "c": 3, "b": [2]}
        assert session.copy() == state
        assert session.copy() is not state
        assert bool(session)

    def test_it_writes_into_its_state(self, session: Session[Any]) -> None:
        """There is one dict for all callers."""
        session["c"] = 3
        del session["a"]
        session |= {"d": 4}
        session.setdefault("b", []).append(5)
        assert session.state == {"b": [2, 5], "c": 3, "d": 4}
        assert session.popitem() == ("d", 4)
        session.state = {}
        assert not session
        assert session.pop("b", None) is None

    def test_sessions_are_equal_only_to_themselves(
        self, codec: SessionCodec[Any], session: Session[Any]
    ) -> None:
        """Two sessions of equal state are two, and each can be a key."""
        other = codec.new(now=NOW)
        other.state = session.copy()
        assert session != other
        assert session == session  # noqa: PLR0124  # equality is what is tested
        assert len({session, other}) == 2

    def test_a_typed_state_is_no_mapping(self, hs256: KeyRing) -> None:
        """Mapping calls say where the state is."""
        session = SessionCodec(hs256, state_type=Visit).new(now=NOW)
        assert session
        assert session != Visit()
        with pytest.raises(TypeError, match=r"the session's state is a Visit: use session"):
            len(session)
        session.state.pages += 1
        assert session.state == Visit(1)


STATE = {"text": "x", "at": datetime(2026, 7, 25, tzinfo=UTC), "list": [1], "map": {"n": {}}}

# What each access leaves noted: the members that can have changed, or "whole".
NOTES: dict[str, tuple[Callable[[Any], object], object]] = {
    "nothing": (lambda s: s.sid, None),
    "text": (lambda s: (s["text"], s["at"]), None),
    "get_text": (lambda s: (s.get("text"), s.get("gone"), s.get("gone", 5)), None),
    "in": (lambda s: ("list" in s, "gone" in s), None),
    "keys": (lambda s: (list(s), list(s.keys()), list(reversed(s)), len(s), bool(s)), None),
    "repr": (repr, None),
    "list": (lambda s: s["list"], {"list"}),
    "get_list": (lambda s: s.get("list"), {"list"}),
    "default": (lambda s: s.get("gone", []), {"gone"}),
    "setdefault": (lambda s: s.setdefault("gone", []), {"gone"}),
    "setdefault_found": (lambda s: s.setdefault("map", {}), {"map"}),
    "values": (lambda s: list(s.values()), {"list", "map"}),
    "items": (lambda s: list(s.items()), {"list", "map"}),
    "set": (lambda s: s.__setitem__("text", "x"), {"text"}),
    "update": (lambda s: s.update(new=1, text=2), {"new", "text"}),
    "update_by_nothing": (lambda s: s.update({}), None),
    "union_in_place": (lambda s: s.__ior__({"new": 1}), {"new"}),
    "delete": (lambda s: s.__delitem__("text"), {"text"}),
    "pop": (lambda s: s.pop("text"), {"text"}),
    "pop_default": (lambda s: s.pop("gone", None), None),
    "popitem": (lambda s: s.popitem(), {"map"}),
    "dict": (dict, {"list", "map"}),
    "unpacking": (lambda s: {**s}, {"list", "map"}),
    "state": (lambda s: s.state, "whole"),
    "set_state": (lambda s: setattr(s, "state", {}), "whole"),
    "copy": (lambda s: s.copy(), "whole"),
    "union": (lambda s: s | {}, "whole"),
    "other_union": (lambda s: {} | s, "whole"),
    "equal": (lambda s: s == {}, "whole"),
    "clear": (lambda s: s.clear(), "whole"),
    "sign_in": (lambda s: s.sign_in("43"), None),
    "sign_in_over_another": (lambda s: (s.sign_in("43"), s.sign_in("44")), "whole"),
}  # fmt: skip

# After these the application has a part of the state that can still change.
SHARED = {
    "list", "get_list", "default", "setdefault", "setdefault_found", "values", "items", "dict",
    "unpacking", "state", "set_state", "copy", "union", "other_union", "equal", "clear",
    "sign_in_over_another",
}  # fmt: skip
# After these the other members can be in another order.
REMOVED = {"delete", "pop", "popitem"}


class TestNotes:
    """Saving looks only at what was noted, so each way to a mutable member is here."""

    @pytest.mark.parametrize("name", NOTES)
    @pytest.mark.parametrize("overflows", [False, True])
    def test_what_an_access_notes(self, hs256: KeyRing, name: str, *, overflows: bool) -> None:
        """It is the same for a state in the token and one that is read member by member."""
        state = {"large": "x" * 10_000, **STATE} if overflows else STATE
        overflow = Overflow(MemoryStore()) if overflows else None
        codec: SessionCodec[Any] = SessionCodec(hs256, overflow=overflow)
        session = codec.decode(codec.encode(state, now=NOW), now=NOW)
        run, noted = NOTES[name]
        run(session)
        value = session._value
        assert value is not None
        assert ("whole" if value.whole else set(value.touched) or None) == noted
        assert value.shared or name not in SHARED
        assert overflows or value.shared is (name in SHARED)
        assert value.removed is (name in REMOVED)

    def test_what_is_refused_is_not_noted(self, session: Session[Any]) -> None:
        """An error changes nothing."""
        keys: list[tuple[Any, type[Exception]]] = [("gone", KeyError), ([], TypeError)]
        for key, error in keys:
            for refused in (session.__getitem__, session.pop, session.__delitem__):
                with pytest.raises(error):
                    refused(key)
        with pytest.raises(TypeError):
            session[[]] = 1  # type: ignore[index]
        assert session._value is not None
        assert session._value.touched == {}

    def test_an_empty_session_has_no_pair(self, codec: SessionCodec[Any]) -> None:
        """It is a dict's own error."""
        with pytest.raises(KeyError, match="the session is empty"):
            codec.new().popitem()
