"""Overflowed states in Redis (7.0 or later) or Valkey by redis-py; a cluster does as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.redis.server import TIMEOUT, RedisServer

if TYPE_CHECKING:
    from tokensession.stores.redis.server import Client


class RedisStore:
    """Keeps each entry under a key of its own, which the server removes when its time has come.

    Args:
        url: Where: ``redis://``, ``rediss://`` or ``unix://``; or a client (``redis.Redis``,
            ``redis.RedisCluster``) with timeouts of its own.
        prefix: What the names of the keys begin with.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: A URL that is none, a client that decodes, or a wrong argument.
    """

    largest = MAX_ENTRY

    def __init__(
        self,
        url: str | Client,
        *,
        prefix: str = "tokensession",
        timeout: float = TIMEOUT,
    ) -> None:
        self._server = RedisServer(url, store="overflow", prefix=prefix, timeout=timeout)
        self._prefix = f"{prefix}:overflow:"

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._server.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        key, seconds = self._key(name), max(1, until - now)
        self._server.run(lambda client: client.set(key, entry, ex=seconds))

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        found: bytes | None = self._server.run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        key, seconds = self._key(name), max(1, until - now)

        def extend(client: Any) -> bool:
            with client.pipeline(transaction=False) as pipe:
                pipe.expire(key, seconds, gt=True)
                pipe.exists(key)
                return bool(pipe.execute()[1])

        return self._server.run(extend)

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        self._server.run(lambda client: client.delete(key))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()
