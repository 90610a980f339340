"""Detect whether the state of a session has changed since it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic

import msgspec

from tokensession.errors import ConfigError, StateError
from tokensession.format.claims import StateT, packed_members, packed_state
from tokensession.format.core_values import base_value
from tokensession.format.state import encode_msgpack
from tokensession.sessions.value import ABSENT, CHANGEABLE, FIXED

if TYPE_CHECKING:
    from tokensession.format.state_format import StateFormat
    from tokensession.sessions.value import SessionValue

_decode: Final = msgspec.msgpack.Decoder().decode


class Changes(Generic[StateT]):
    """Compares states as msgpack, so that nested changes count.

    Args:
        state_format: Packs the states.
    """

    __slots__ = ("_format", "_nothing")

    def __init__(self, state_format: StateFormat[StateT]) -> None:
        self._format = state_format
        self._nothing = state_format.pack(state_format.empty())

    def check_begins(self) -> None:
        """Refuse a state type without a default for new sessions.

        Raises:
            ConfigError: A field has no default, so a new session would have no state.
        """
        try:
            self._format.checked(self._format.empty(), None, touched=None, former=None)
        except StateError as error:
            raise ConfigError(
                f"a new session cannot have this state_type ({self._format.lacks or error}): "
                "give each field a default, or use a union with None"
            ) from None

    def is_empty(self, value: SessionValue[StateT]) -> bool:
        """Tell whether a session has neither a subject nor more state than a new one."""
        if value.subject is not None:
            return False
        state: Any = value.state
        return not state if type(state) is dict else self._format.pack(state) == self._nothing

    def is_changed(self, value: SessionValue[StateT]) -> bool:
        """Tell whether the state has changed since it was found.

        Another writer can have packed the same state differently. Bytes that differ are read and
        packed again before they count as a change.
        """
        if not value.whole:
            if not value.touched:
                return False
            plain = type(value.state) is dict and not value.removed
            if plain and value.refused is None and value.overflowed is None:
                differs = self._members_differ(value)
                if differs is not None:
                    return differs
        return self._differs(value, self._found(value))

    def is_changed_since(self, value: SessionValue[StateT], saved: bytes | None) -> bool:
        """Tell whether the state has changed since it was last saved.

        Args:
            value: The session.
            saved: The saved state in msgpack; None if it was written and cannot have changed.
        """
        if not value.shared:
            return False
        if saved is None and value.written is not None:
            saved = value.entry.packed if value.entry else packed_state(value.written)
        return self._differs(value, saved)

    def _differs(self, value: SessionValue[StateT], former: bytes | None) -> bool:
        packed = self.packed(value)
        if packed is None or former is None:
            return True
        return packed != former and packed != self._format.repacked(former)

    def restore(self, value: SessionValue[StateT], packed: bytes | None = None) -> None:
        """Undo the changes of a state that was found, all of them or those after it was packed."""
        found = packed or self._found(value)
        assert found is not None  # only a new session has none
        value.state = self._format.read_state(found)
        value.touched.clear()
        value.whole = packed is not None
        value.removed = value.shared = False

    def _found(self, value: SessionValue[StateT]) -> bytes | None:
        """Return the state in msgpack, as it was found."""
        opened = value.opened
        if opened is None or value.refused is not None:
            return value.begun
        if value.overflowed is not None and value.overflowed.packed is not None:
            return value.overflowed.packed
        return packed_state(opened.plaintext)

    def packed(self, value: SessionValue[StateT]) -> bytes | None:
        """Return the state in msgpack, or None if it cannot be packed."""
        return self._format.pack(value.state)

    def _members_differ(self, value: SessionValue[Any]) -> bool | None:
        """Tell whether a touched member has changed; None if that is unknown."""
        state = value.state
        suspects = []
        for key, former in list(value.touched.items()):  # another thread can add to it
            if former is CHANGEABLE:
                suspects.append(key)
            else:
                item = state.get(key, ABSENT)
                if item is not former and not _is_written_as(item, former):
                    return True
        if not suspects:
            return False
        if value.opened is None:
            return None
        try:
            found = packed_members(value.opened.plaintext)
        except msgspec.ValidationError:  # keys that are not text, from another writer
            return None
        return any(self._member_differs(state, key, found.get(key)) for key in suspects)

    def _member_differs(self, state: dict[str, Any], key: Any, raw: msgspec.Raw | None) -> bool:
        """Tell whether a member has changed since it was found."""
        if raw is None or key not in state:
            return raw is not None or key in state
        packed = self._format.pack(state[key])
        return packed is None or (packed != bytes(raw) and packed != encode_msgpack(_decode(raw)))


def _is_written_as(item: Any, former: Any) -> bool:
    """Tell whether a member packs like a former one, whose type is in `FIXED`."""
    if type(item) not in FIXED and isinstance(item, type(former)):
        item = base_value(item)
    return type(item) is type(former) and bool(item == former)
