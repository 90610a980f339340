"""A packed state whose members are read lazily.

Reading and comparing a state of 100 kB takes far longer than fetching and decrypting it, but a page
needs few of its members. So a member is read when the application uses it. Members that were
neither read nor replaced are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from threading import Lock
from typing import Any, Final

import msgspec

from tokensession.errors import BadState

_read_members: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_read: Final = msgspec.msgpack.Decoder().decode
_write: Final = msgspec.msgpack.Encoder().encode


class Members(MutableMapping[str, Any]):
    """The members of a state, in order.

    Args:
        packed: A msgpack map with str keys, each value in its shortest form.

    Raises:
        ValueError: The bytes are anything else.
    """

    __slots__ = ("_found", "_lock", "_members", "_packed")

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._lock = (
            Lock()
        )  # held while a member is read or replaced, so that all threads see one object
        self._found: dict[str, msgspec.Raw] = _read_members(packed)
        self._members: dict[str, Any] = dict(
            self._found
        )  # read members are values, the others are raw

    def __getitem__(self, key: str) -> Any:
        """Return a member.

        Raises:
            BadState: The member is malformed msgpack, although its writer had the key.
        """
        value = self._members[key]
        if type(value) is not msgspec.Raw:
            return value
        with self._lock:
            value = self._members[key]
            if type(value) is not msgspec.Raw or value is not self._found.get(key):
                return value
            try:
                value = _read(value)
            except (ValueError, RecursionError, MemoryError):
                pass
            else:
                self._members[key] = value
                return value
        # Raised outside the except block, so that no chained exception holds the state.
        raise BadState("a member of the state is malformed msgpack")

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a member."""
        with self._lock:
            self._members[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove a member."""
        with self._lock:
            del self._members[key]

    def __contains__(self, key: object) -> bool:
        """Tell whether the state has a member."""
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter(self._members)

    def __reversed__(self) -> Iterator[str]:
        """Yield the keys, the newest first."""
        return reversed(self._members)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)

    def whole(self) -> dict[str, Any]:
        """Return a dict of all members. Each call returns the same dict, which the state shares."""
        for key in list(self._members):
            self[key]
        return self._members

    def changed(self) -> dict[str, Any]:
        """Return the members that have changed since they were found."""
        changed = {}
        for key, value in list(self._members.items()):  # another thread can add to it
            raw = self._found.get(key) if type(key) is str else None
            if raw is None or (value is not raw and not _is_written_as(value, raw)):
                changed[key] = value
        return changed

    def replaced(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return a dict of all members, with these in place of those with equal keys."""
        return {
            key if type(key) is str else str.__str__(key): members.get(key, value)
            for key, value in list(self._members.items())
        }

    def packed(self, write: Callable[[Any], bytes] = _write) -> bytes:
        """Return the state in msgpack.

        Args:
            write: Packs the members.

        Raises:
            TypeError: Msgpack has no such type. ValueError, RecursionError and OverflowError are
                raised for the same reason.
        """
        if not self.changed() and list(self._members) == list(self._found):
            return self._packed
        return write(self._members)


def _is_written_as(value: Any, raw: msgspec.Raw) -> bool:
    """Tell whether a value packs to these bytes."""
    try:
        return msgspec.Raw(_write(value)) == raw
    except (TypeError, ValueError, RecursionError, OverflowError, MemoryError):
        return False
