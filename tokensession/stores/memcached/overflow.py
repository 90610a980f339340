"""Overflowed states in Memcached by pymemcache. It forgets when it is full or restarted."""

from __future__ import annotations

from typing import Final

from tokensession.errors import StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.arguments import check_size
from tokensession.stores.memcached.server import TIMEOUT, MemcachedServer, expiry

_ITEM: Final = 2**20  # bytes; memcached's own default (-I)
_ITEM_HEAD: Final = 1024  # bytes of an item that are not the entry: key, times, links


class MemcachedStore:
    """Keeps each entry under a key of its own, for as long as the server has room.

    Args:
        server: ``host:port`` or ``unix:/path/to/socket``.
        prefix: What the names of the keys begin with.
        timeout: Seconds that a call may take at the most.
        item_limit: The server's option ``-I`` in bytes; what does not fit is refused.

    Raises:
        ConfigError: A wrong argument.
    """

    def __init__(
        self,
        server: str,
        *,
        prefix: str = "tokensession",
        timeout: float = TIMEOUT,
        item_limit: int = _ITEM,
    ) -> None:
        check_size("item_limit", item_limit, 2 * _ITEM_HEAD, " bytes")
        self.largest: int = min(item_limit - _ITEM_HEAD, MAX_ENTRY)
        self._server = MemcachedServer(server, store="overflow", prefix=prefix, timeout=timeout)
        self._prefix = f"{prefix}:overflow:"

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._server.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`, if nothing more recent takes its place.

        Raises:
            StoreError: It could not be written.
        """
        key, leaves = self._key(name), expiry(until, now)
        if not self._server.run(lambda client: client.set(key, entry, leaves, noreply=False)):
            raise StoreError("the overflow store (memcached) did not take the entry")

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        found: bytes | None = self._server.run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until `until`; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        key, leaves = self._key(name), expiry(until, now)
        return bool(self._server.run(lambda client: client.touch(key, leaves, noreply=False)))

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        self._server.run(lambda client: client.delete(key, noreply=False))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()
