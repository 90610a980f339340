"""The mapping of a session's untyped state, with the methods of a dict."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Generic

from tokensession.format.claims import StateT
from tokensession.format.lazy_state import Members
from tokensession.sessions.value import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from tokensession.sessions.value import SessionValue

# A member of one of these types cannot change once it is handed out.
_IMMUTABLE: Final = frozenset({str, int, float, bool, bytes, NoneType, datetime})


class StateMapping(MutableMapping[str, Any], Generic[StateT]):
    """A mapping of the state of a session's value.

    Each access records which members can have changed, so that saving compares only those.
    """

    __slots__ = ("_value",)

    _value: SessionValue[StateT] | None

    def _open(self) -> SessionValue[StateT]:
        """Return the value; a handle without a value opens it first."""
        assert self._value is not None
        return self._value

    def _changing(self) -> SessionValue[StateT]:
        """Return the value for a change, or raise if the handle is read-only."""
        return self._value or self._open()

    def __getitem__(self, key: str) -> Any:
        """Return a value of the state."""
        value = self._value or self._open()
        state: Any = value.state
        item = state[key] if type(state) is dict else _mapping(state)[key]
        if type(item) not in _IMMUTABLE:
            value.share(key)
        return item

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the state, or a default."""
        value = self._value or self._open()
        state: Any = value.state
        item = (state if type(state) is dict else _mapping(state)).get(key, default)
        if type(item) not in _IMMUTABLE:
            value.share(key)
        return item

    def __setitem__(self, key: str, item: Any) -> None:
        """Set a value of the state."""
        value = self._changing()
        state: Any = value.state
        if type(state) is not dict:
            _mapping(state)[key] = item
            value.assigned = True
            value.share(key)
            return
        value.touch(
            key, state.get(key, ABSENT)
        )  # first, so that no thread sees a change without its mark
        state[key] = item
        if type(item) not in _IMMUTABLE:
            value.shared = True

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state."""
        value = self._changing()
        state = _mapping(value.state)
        value.touch(key, state[key])
        value.removed = True
        del state[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the state."""
        return iter(_mapping((self._value or self._open()).state))

    def __reversed__(self) -> Iterator[str]:
        """Yield the keys of the state, the newest first."""
        return reversed(_mapping((self._value or self._open()).state))

    def __len__(self) -> int:
        """Return the number of keys of the state."""
        return len(_mapping((self._value or self._open()).state))

    def __bool__(self) -> bool:
        """Tell whether the state, untyped or typed, is not empty."""
        state: Any = (self._value or self._open()).state
        return bool(state) if isinstance(state, dict | Members) else state is not None

    def __contains__(self, key: object) -> bool:
        """Tell whether the state has a key."""
        return key in _mapping((self._value or self._open()).state)

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        """Update the state."""
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        """Compare the state with a dict; two sessions are equal only if identical."""
        if isinstance(other, StateMapping):
            return self is other
        state: Any = (self._value or self._open()).hand_out()
        return state == other if isinstance(state, dict) else self is other

    def __hash__(self) -> int:
        """Return the hash of the session itself, not of its state."""
        return id(self)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        """Return a dict of the state, updated with another mapping."""
        return self._dict() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        """Return another mapping as a dict, updated with the state."""
        return dict(other) | self._dict()

    def copy(self) -> dict[str, Any]:
        """Return a shallow copy of the state as a dict."""
        return self._dict().copy()

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the newest pair of the state."""
        value = self._changing()
        state = _mapping(value.state)
        if not state:
            raise KeyError("popitem(): the session is empty")
        key = next(reversed(state))
        value.touch(key, state[key])
        value.removed = True
        return key, state.pop(key)

    def _dict(self) -> dict[str, Any]:
        """Return the whole state, which must be a dict."""
        state: Any = (self._value or self._open()).hand_out()
        _mapping(state)
        return state  # type: ignore[no-any-return]  # it is a dict now


def _mapping(state: Any) -> dict[str, Any] | Members:
    """Return the state if it is a mapping.

    Raises:
        TypeError: The state is typed.
    """
    if isinstance(state, dict | Members):
        return state
    raise TypeError(f"the session's state is a {type(state).__name__}: use session.state instead")
