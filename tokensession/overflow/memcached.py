"""Overflowed states in Memcached by pymemcache. It forgets when it is full or restarted."""

from __future__ import annotations

import os
import re
from time import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH

try:
    from pymemcache.client.base import PooledClient
    from pymemcache.exceptions import MemcacheError
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError(
        "MemcachedStore needs pymemcache: pip install 'tokensession[memcached]'"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT: Final = 1.0  # seconds
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ITEM: Final = 2**20  # bytes; memcached's own default (-I)
_ITEM_HEAD: Final = 1024  # bytes of an item that are not the entry: key, times, links
_RELATIVE: Final = 30 * 86400  # seconds; a longer time is taken for an instant by the server
_LAST: Final = 2**31 - 1  # the last instant that every version of the server keeps

_Result = TypeVar("_Result")
# What a call ends in when its server or, from another thread, its connection goes away: pymemcache
# asserts that it has a socket, and cannot parse half a line.
_BROKEN: Final = (MemcacheError, OSError, AssertionError, ValueError)


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
        timeout: float = _TIMEOUT,
        item_limit: int = _ITEM,
    ) -> None:
        if not isinstance(server, str) or not server:
            raise ConfigError("server must be host:port or unix:/path/to/socket")
        if not timeout > 0:
            raise ConfigError(f"timeout must be above 0 seconds, not {timeout}")
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError("prefix must be 1 to 64 letters, digits and _ . : -")
        if item_limit < 2 * _ITEM_HEAD:
            raise ConfigError(f"item_limit must be at least {2 * _ITEM_HEAD} bytes")
        self.largest: int = min(item_limit - _ITEM_HEAD, MAX_ENTRY)
        self._server = server
        self._timeout = timeout
        self._prefix = f"{prefix}:overflow:"
        self._clients: dict[int, Any] = {}

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`, if nothing more recent takes its place.

        Raises:
            StoreError: It could not be written.
        """
        key, expire = self._key(name), _expire(until, now)
        if not self._run(lambda client: client.set(key, entry, expire, noreply=False)):
            raise StoreError("the overflow store (memcached) did not take the entry")

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until `until`; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        key, expire = self._key(name), _expire(until, now)
        return bool(self._run(lambda client: client.touch(key, expire, noreply=False)))

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        self._run(lambda client: client.delete(key, noreply=False))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        """Call the server, and once more on a new connection if an old one turns out to be dead."""
        try:
            return call(self._client())
        except TimeoutError as error:
            raise _failed(error) from error
        except _BROKEN:
            self.close()
        try:
            return call(self._client())
        except _BROKEN as error:
            raise _failed(error) from error

    def _client(self) -> Any:
        client = self._clients.get(os.getpid())  # a child must not write into its parent's
        if client is None:
            made = PooledClient(
                self._server,
                connect_timeout=self._timeout,
                timeout=self._timeout,
                no_delay=not self._server.startswith("unix:"),
            )
            # In one step, without a lock, which a fork could catch held; it is not connected yet.
            client = self._clients.setdefault(os.getpid(), made)
        return client


def _expire(until: int, now: int) -> int:
    seconds = max(1, until - now)
    return seconds if seconds <= _RELATIVE else min(int(time()) + seconds, _LAST)


def _failed(error: Exception) -> StoreError:
    reason = str(error).strip().partition("\n")[0]
    return StoreError(f"the overflow store (memcached) failed: {type(error).__name__} {reason}")
