"""Overflowed states in Redis (7.0 or later) or Valkey by redis-py, also in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.overflow.store import Store
from tokensession.stores.connection import Role
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


class RedisStore(Role[RedisServer], Store):
    """Keeps each entry under its own key, which the server removes at its end.

    Args:
        connection: The server or cluster, or its URL or client.
        options: As for `stores.connect`, with a URL or client.

    Raises:
        ConfigError: The client decodes its replies.
    """

    def __init__(self, connection: RedisServer | Any, **options: Any) -> None:
        connection = RedisServer.of(connection, options)
        super().__init__(connection)
        connection.check_bytes()
        self._prefix = f"{connection.prefix}:overflow:"

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        key, seconds = self._key(name), max(1, until - now)
        self._run(lambda client: client.set(key, entry, ex=seconds))

    def get(self, name: bytes) -> bytes | None:
        key = self._key(name)
        found: bytes | None = self._run(lambda client: client.get(key))
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        key, seconds = self._key(name), max(1, until - now)

        return self._run(
            lambda client: bool(client.expire(key, seconds, gt=True) or client.exists(key))
        )

    def delete(self, name: bytes) -> None:
        key = self._key(name)
        self._run(lambda client: client.delete(key))

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()

    def _run(self, call: Callable[[Any], _Result]) -> _Result:
        return self._connection.run(call, store="overflow")
