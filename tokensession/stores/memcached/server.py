"""Memcached by pymemcache, with a time limit for each call."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import partial
from threading import BoundedSemaphore
from time import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pymemcache.client.base import PooledClient
from pymemcache.exceptions import MemcacheError

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import PerProcess
from tokensession.keys.names import looks_secret
from tokensession.stores.arguments import check_prefix, check_size, first_line, timeout_seconds
from tokensession.stores.connection import MAX_AGE, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

TIMEOUT: Final = 1.0  # seconds
ITEM_HEAD: Final = 1024  # bytes of an item besides the entry: key, times, links

_ITEM: Final = 2**20  # bytes; memcached's own default (-I)
_SCHEME: Final = "memcached://"
_MOST: Final = 50  # connections of a process; the server accepts 1024 in all (-c)
_HOST: Final = re.compile(r"(?:\[[\w.:%-]+\]|[\w.-]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS: Final = range(1, 2**16)

_TRIES: Final = 200  # of a compare-and-swap; after each failure another writer has succeeded
_RELATIVE: Final = 30 * 86400  # seconds; the server reads a longer time as an instant
_LAST: Final = 2**31 - 1  # the last instant that all versions of the server accept

_Result = TypeVar("_Result")
# The errors of a call whose server goes away, or whose connection `close` takes. pymemcache then
# assumes a socket, and cannot parse half a line.
_BROKEN: Final = (MemcacheError, OSError, AssertionError, AttributeError, ValueError)


class MemcachedServer(Connection):
    """A Memcached server. All roles share its connection pool.

    Args:
        where: ``memcached://HOST:PORT`` or ``memcached:///SOCKET``; or ``HOST:PORT`` or
            ``unix:/SOCKET``.
        prefix: The prefix of the keys' names.
        timeout: The longest time of a call, in seconds or as a timedelta.
        item_limit: The server's option ``-I`` in bytes. The overflow store refuses larger entries.

    Attributes:
        client: Returns the client of this process.

    Raises:
        ConfigError: An argument is invalid.
    """

    vendor = "Memcached"
    folder = "memcached"
    stores = "MemcachedStore"
    can_forget = True

    def __init__(
        self,
        where: str,
        *,
        prefix: str = "tokensession",
        timeout: float | timedelta = TIMEOUT,
        item_limit: int = _ITEM,
    ) -> None:
        super().__init__()
        self._server = _address(where)
        seconds = timeout_seconds(timeout)
        check_prefix(prefix)
        check_size("item_limit", item_limit, 2 * ITEM_HEAD, " bytes")
        self.prefix = prefix
        self.item_limit = item_limit
        self._timeout = seconds
        self.client: PerProcess[Any] = PerProcess(self._new_client)
        self._turns = PerProcess(lambda: BoundedSemaphore(_MOST))

    @property
    def name(self) -> str:
        """Host and port, or the socket."""
        return f"memcached {self._server}"

    def directory(self) -> NoReturn:
        """Refuse a directory.

        Raises:
            ConfigError: Memcached cannot list what it keeps.
        """
        raise ConfigError(
            "Memcached cannot list what it keeps, so it has no directory of sessions: use SQL, "
            "Redis, Valkey or MongoDB for revocations and directory"
        )

    def close(self) -> None:
        client = self.client.give_up()
        if client is not None:
            client.close()

    def run(self, call: Callable[[Any], _Result], *, store: str, again: bool = True) -> _Result:
        """Run a call on the client, and again if its connection was dead.

        Args:
            call: The call.
            store: The name of the role in messages.
            again: False for a call that must not be repeated.
        """
        with self._turn(store):
            return self._run(call, store=store, again=again)

    def _run(self, call: Callable[[Any], _Result], *, store: str, again: bool) -> _Result:
        client = None
        try:
            client = self.client()
            return call(client)
        except TimeoutError as error:
            # Its own connection is closed already; those of other threads can still be answered.
            raise _failed(store, error) from error
        except _BROKEN as error:
            if client is not None:
                _drop_idle(client)  # they are as old
            if not again:
                raise _failed(store, error) from error
        try:
            return call(self.client())
        except _BROKEN as error:
            raise _failed(store, error) from error

    def change(
        self,
        key: str,
        change: Callable[[bytes | None], tuple[bytes, int] | None],
        *,
        store: str,
        again: bool = False,
    ) -> bytes | None:
        """Change the value of a key by compare-and-swap, and return the new value.

        Args:
            key: The key.
            change: Returns the next value and its `expiry` for the current one, or None for no
                change. It is called again if another writer was faster.
            store: The name of the role in messages.
            again: Whether a swap whose answer was lost can be repeated.

        Raises:
            StoreError: Other writers were always faster.
        """
        for _ in range(_TRIES):
            former: bytes | None
            former, token = self.run(lambda client: client.gets(key), store=store)
            changed = change(former)
            if changed is None:
                return former
            swap = partial(self._swap, key, *changed, token)
            if self.run(swap, store=store, again=again):
                return changed[0]
        raise StoreError(f"the {store} store (memcached) is too busy: retry later")

    @staticmethod
    def _swap(key: str, value: bytes, leaves: int, token: bytes | None, client: Any) -> bool:
        """Set a key if it is unchanged; without a token, only if it is missing."""
        if token is None:
            return bool(client.add(key, value, leaves, noreply=False))
        return bool(client.cas(key, value, token, leaves, noreply=False))

    @contextmanager
    def _turn(self, store: str) -> Iterator[None]:
        """Wait until another connection can be opened."""
        turns = self._turns()
        if not turns.acquire(timeout=self._timeout):
            error = TimeoutError(f"all {_MOST} connections were busy for {self._timeout:g} s")
            raise _failed(store, error) from error
        try:
            yield
        finally:
            turns.release()

    def _new_client(self) -> Any:
        """Return a new client, which has not connected yet."""
        return PooledClient(
            self._server,
            connect_timeout=self._timeout,
            timeout=self._timeout,
            no_delay=not self._server.startswith("unix:"),
            pool_idle_timeout=MAX_AGE,
        )


def _drop_idle(client: Any) -> None:
    """Close the idle connections, but none that another thread uses."""
    pool = client.client_pool
    for _ in pool.free:
        pool.destroy(pool.get())


def _address(where: str) -> str:
    """Return a server's address in the form of pymemcache."""
    text = where.removeprefix(_SCHEME) if isinstance(where, str) else ""
    is_socket = text.startswith(("/", "unix:/")) and "//" not in text
    host = _HOST.fullmatch(text)
    is_host = host is not None and int(host[1] or 1) in _PORTS and not looks_secret(text)
    if not is_socket and not is_host:
        raise ConfigError(
            "server must be host:port, unix:/SOCKET, memcached://HOST:PORT or memcached:///SOCKET"
        )
    return f"unix:{text}" if text.startswith("/") else text


def _failed(store: str, error: Exception) -> StoreError:
    reason = f"{type(error).__name__} {first_line(error)}"
    return StoreError(f"the {store} store (memcached) failed: {reason}")


def expiry(until: int, now: int) -> int:
    """Return the number with which the server removes a key at `until`."""
    seconds = max(1, until - now)
    return seconds if seconds <= _RELATIVE else min(int(time()) + seconds, _LAST)
