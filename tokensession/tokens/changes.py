"""Whether the state of a session is another than the one that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from tokensession.format.claims import StateT, packed_state
from tokensession.format.state_format import pack

if TYPE_CHECKING:
    from tokensession.format.state_format import StateFormat
    from tokensession.sessions.value import SessionValue


class Changes(Generic[StateT]):
    """Compares states as msgpack, so that changes within them count.

    Args:
        state_format: How states are packed.
    """

    __slots__ = ("_format", "_nothing")

    def __init__(self, state_format: StateFormat[StateT]) -> None:
        self._format = state_format
        self._nothing = pack(state_format.empty())

    def is_empty(self, packed: bytes | None) -> bool:
        """Tell whether a packed state is that of a new session."""
        return packed == self._nothing

    def packed(self, value: SessionValue[StateT]) -> bytes | None:
        """Return the state of a session in msgpack; None if that fails."""
        if value.touched is None and not value.whole:
            return self._found(value)
        return pack(value.state)

    def is_changed(self, value: SessionValue[StateT], packed: bytes | None) -> bool:
        """Tell whether the state of a session, packed now, is another than the one found."""
        if value.touched is None and not value.whole:
            return False
        found = self._found(value)
        if packed is None or found is None:
            return True
        # Another writer can have packed the same state in another way.
        return packed != found and packed != self._format.repacked(found)

    def _found(self, value: SessionValue[StateT]) -> bytes | None:
        """Return the state of a session as it was found, in msgpack."""
        opened = value.opened
        if opened is None or not value.is_found:
            return value.begun
        if value.overflowed is not None and value.overflowed.packed is not None:
            return value.overflowed.packed
        return bytes(packed_state(opened.plaintext))
