"""Overflowed states in Memcached by pymemcache. It forgets when it is full or restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.errors import StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.connection import connection_of
from tokensession.stores.memcached.server import ITEM_HEAD, MemcachedServer, expiry

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


class MemcachedStore:
    """Keeps each entry under a key of its own, for as long as the server has room.

    Args:
        where: A `MemcachedServer`, or a URL for one of its own.
        prefix: Of its own server: what the names of the keys begin with.
        timeout: Of its own server: seconds that a call can take at most.
        item_limit: Of its own server: its option ``-I`` in bytes; larger entries are refused.

    Raises:
        ConfigError: An invalid URL or argument.
    """

    def __init__(
        self,
        where: MemcachedServer | str,
        *,
        prefix: str | None = None,
        timeout: float | None = None,
        item_limit: int | None = None,
    ) -> None:
        self._server = connection_of(
            MemcachedServer, where, prefix=prefix, timeout=timeout, item_limit=item_limit
        )
        self.largest: int = min(self._server.item_limit - ITEM_HEAD, MAX_ENTRY)
        self._prefix = f"{self._server.prefix}:overflow:"

    def close(self) -> None:
        """Close the idle connections of the server."""
        self._server.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Set a key; newer ones can take its place when the server is full."""
        key, leaves = self._key(name), expiry(until, now)
        if not self._run(lambda client: client.set(key, entry, leaves, noreply=False)):
            raise StoreError("the overflow store (memcached) did not take the entry")

    def get(self, name: bytes) -> bytes | None:
        """Get the key."""
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Touch the key. This can shorten its life: Memcached knows no condition."""
        key, leaves = self._key(name), expiry(until, now)
        return bool(self._run(lambda client: client.touch(key, leaves, noreply=False)))

    def delete(self, name: bytes) -> None:
        """Delete the key."""
        key = self._key(name)
        self._run(lambda client: client.delete(key, noreply=False))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._server.run(call, store="overflow")
