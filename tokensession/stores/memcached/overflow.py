"""Overflowed states in Memcached by pymemcache. Memcached can lose entries.

A key's value is the entry's end (8 bytes) and the entry, because Memcached does not return a key's
remaining life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import StoreError
from tokensession.overflow.store import MAX_ENTRY, Store
from tokensession.stores.connection import Role
from tokensession.stores.memcached.server import ITEM_HEAD, MemcachedServer, expiry

if TYPE_CHECKING:
    from collections.abc import Callable

_END_BYTES: Final = 8
_Result = TypeVar("_Result")


class MemcachedStore(Role[MemcachedServer], Store):
    """Keeps each entry under its own key, until the server needs the room.

    Args:
        connection: The server, or its URL.
        options: As for `stores.connect`, with a URL.
    """

    def __init__(self, connection: MemcachedServer | str, **options: Any) -> None:
        connection = MemcachedServer.of(connection, options)
        super().__init__(connection)
        self._prefix = f"{connection.prefix}:overflow:"

    @property
    def largest(self) -> int:
        return min(self._connection.item_limit - ITEM_HEAD, MAX_ENTRY)

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Set a key. The server evicts older keys when it is full."""
        key, value, leaves = self._key(name), _value(until, entry), expiry(until, now)
        if not self._run(lambda client: client.set(key, value, leaves, noreply=False)):
            raise StoreError("the overflow store (memcached) did not accept the entry")

    def get(self, name: bytes) -> bytes | None:
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return None if found is None else found[_END_BYTES:]

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Write the entry again if its end is before `until`, by compare-and-swap."""

        def longer(found: bytes | None) -> tuple[bytes, int] | None:
            if found is None or int.from_bytes(found[:_END_BYTES]) >= until:
                return None
            return _value(until, found[_END_BYTES:]), expiry(until, now)

        key = self._key(name)
        kept = self._connection.change(key, longer, store="overflow", again=True)
        return kept is not None

    def delete(self, name: bytes) -> None:
        key = self._key(name)
        self._run(lambda client: client.delete(key, noreply=False))

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._connection.run(call, store="overflow")


def _value(until: int, entry: bytes) -> bytes:
    return until.to_bytes(_END_BYTES) + entry
