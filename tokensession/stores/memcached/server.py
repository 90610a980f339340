"""Memcached by pymemcache: each call ends within its time."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.stores.arguments import check_prefix, check_timeout, first_line

try:
    from pymemcache.client.base import PooledClient
    from pymemcache.exceptions import MemcacheError
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError(
        "MemcachedStore needs pymemcache: pip install 'tokensession[memcached]'"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT: Final = 1.0  # seconds

_RELATIVE: Final = 30 * 86400  # seconds; a longer time is taken for an instant by the server
_LAST: Final = 2**31 - 1  # the last instant that every version of the server keeps

_Result = TypeVar("_Result")
# What a call ends in when its server or, by `close`, its connection goes away: pymemcache takes it
# for granted that it has a socket, and cannot parse half a line.
_BROKEN: Final = (MemcacheError, OSError, AssertionError, AttributeError, ValueError)


class MemcachedServer:
    """A server that a store asks.

    Args:
        server: ``host:port`` or ``unix:/path/to/socket``.
        store: What the store is called in messages.
        prefix: What the names of its keys begin with.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: A wrong argument.
    """

    def __init__(self, server: str, *, store: str, prefix: str, timeout: float) -> None:
        if not isinstance(server, str) or not server:
            raise ConfigError("server must be host:port or unix:/path/to/socket")
        check_timeout(timeout)
        check_prefix(prefix)
        self._server = server
        self._store = store
        self._timeout = timeout
        self._clients: dict[int, Any] = {}

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def run(self, call: Callable[[Any], _Result], *, again: bool = True) -> _Result:
        """Let the client do something, and once more if an old connection turns out to be dead.

        Args:
            call: What it is to do.
            again: False for what must not be done twice.

        Raises:
            StoreError: It failed, or took too long.
        """
        try:
            return call(self.client())
        except TimeoutError as error:
            # Its own connection is closed already; those of other threads may well be answered.
            raise self._failed(error) from error
        except _BROKEN as error:
            self._drop_idle()  # they are as old
            if not again:
                raise self._failed(error) from error
        try:
            return call(self.client())
        except _BROKEN as error:
            raise self._failed(error) from error

    def client(self) -> Any:
        """Return the client of this process: a child must not write into its parent's."""
        client = self._clients.get(os.getpid())
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

    def _drop_idle(self) -> None:
        """Close the connections that wait for a call, and none that another thread waits for."""
        client = self._clients.get(os.getpid())
        if client is not None:
            pool = client.client_pool
            for _ in pool.free:
                pool.destroy(pool.get())

    def _failed(self, error: Exception) -> StoreError:
        reason = f"{type(error).__name__} {first_line(error)}"
        return StoreError(f"the {self._store} store (memcached) failed: {reason}")


def expiry(until: int, now: int) -> int:
    """Return what the server is told for a key that is to leave at `until`."""
    seconds = max(1, until - now)
    return seconds if seconds <= _RELATIVE else min(int(time()) + seconds, _LAST)
