"""Overflowed states in Redis (7.0 or later) or Valkey by redis-py; a cluster does as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.connection import connection_of
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.stores.redis.server import Client

_Result = TypeVar("_Result")


class RedisStore:
    """Keeps each entry under a key of its own, which the server removes at its end.

    Args:
        where: A `RedisServer`, or a URL or a client for one of its own.
        prefix: Of its own server: what the names of the keys begin with.
        timeout: Of its own server: seconds that a call can take at most.

    Raises:
        ConfigError: An invalid URL or argument, or a client that decodes.
    """

    largest = MAX_ENTRY

    def __init__(
        self,
        where: RedisServer | str | Client,
        *,
        prefix: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._server = connection_of(RedisServer, where, prefix=prefix, timeout=timeout)
        self._server.check_bytes()
        self._prefix = f"{self._server.prefix}:overflow:"

    def close(self) -> None:
        """Close the idle connections of the server."""
        self._server.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Set a key that ends by itself."""
        key, seconds = self._key(name), max(1, until - now)
        self._run(lambda client: client.set(key, entry, ex=seconds))

    def get(self, name: bytes) -> bytes | None:
        """Get the key."""
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Let the key end later, never earlier."""
        key, seconds = self._key(name), max(1, until - now)

        def extend(client: Any) -> bool:
            with client.pipeline(transaction=False) as pipe:
                pipe.expire(key, seconds, gt=True)
                pipe.exists(key)
                return bool(pipe.execute()[1])

        return self._run(extend)

    def delete(self, name: bytes) -> None:
        """Delete the key."""
        key = self._key(name)
        self._run(lambda client: client.delete(key))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._server.run(call, store="overflow")
