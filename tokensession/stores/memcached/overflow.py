"""Overflowed states in Memcached by pymemcache. It forgets when it is full or restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.errors import StoreError
from tokensession.overflow.store import MAX_ENTRY, Store
from tokensession.stores.connection import Role
from tokensession.stores.memcached.server import ITEM_HEAD, MemcachedServer, expiry

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


class MemcachedStore(Role[MemcachedServer], Store):
    """Keeps each entry under a key of its own, for as long as the server has room.

    Args:
        connection: The server.
    """

    def __init__(self, where: MemcachedServer | str, **options: Any) -> None:
        connection = MemcachedServer.of(where, options)
        super().__init__(connection)
        self._prefix = f"{connection.prefix}:overflow:"

    @property
    def largest(self) -> int:
        return min(self._connection.item_limit - ITEM_HEAD, MAX_ENTRY)

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Set a key; newer ones can take its place when the server is full."""
        key, leaves = self._key(name), expiry(until, now)
        if not self._run(lambda client: client.set(key, entry, leaves, noreply=False)):
            raise StoreError("the overflow store (memcached) did not take the entry")

    def get(self, name: bytes) -> bytes | None:
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Touch the key. This can shorten its life: Memcached knows no condition."""
        key, leaves = self._key(name), expiry(until, now)
        return bool(self._run(lambda client: client.touch(key, leaves, noreply=False)))

    def delete(self, name: bytes) -> None:
        key = self._key(name)
        self._run(lambda client: client.delete(key, noreply=False))

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._connection.run(call, store="overflow")
