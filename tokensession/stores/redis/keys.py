"""A key document in Redis or Valkey, through redis-py.

Needs the extra ``redis`` (``pip install 'tokensession[redis]'``). The server should not evict
(``maxmemory-policy noeviction``) and should persist: a document that is lost is restored by hand.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import redis

from tokensession.errors import StoreError
from tokensession.stores.connection import Role
from tokensession.stores.redis.server import ERRORS, RedisServer

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT_NAME: Final = "tokensession:keys"

# Run by the server in one step. KEYS[1]: the name; ARGV: what must be there, what shall be.
_COMPARE_AND_SWAP: Final = """
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
return 1
"""


class RedisKeySource(Role[RedisServer]):
    """The document under one name of a Redis or Valkey server.

    Args:
        connection: The server, or its URL or client.
        key: The name; ``tokensession:keys`` unless given.
        options: As for `stores.connect`, beside a URL or client.
    """

    def __init__(self, connection: RedisServer | Any, *, key: str = "", **options: Any) -> None:
        connection = RedisServer.of(connection, options)
        super().__init__(connection)
        self._client: Any = connection.client
        self._key = key or DEFAULT_NAME

    @property
    def name(self) -> str:
        """Server and name, without the password."""
        return f"{self._connection.name}#{self._key}"

    def read(self) -> bytes | None:
        with self._reported():
            document = self._client.get(self._key)
        return document.encode() if isinstance(document, str) else document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        with self._reported():
            if over is None:
                return bool(self._client.set(self._key, document, nx=True))
            return bool(self._client.eval(_COMPARE_AND_SWAP, 1, self._key, over, document))

    @contextlib.contextmanager
    def _reported(self) -> Generator[None]:
        try:
            yield
        except (*ERRORS, OSError) as error:
            # By type: the text of a server's error may quote the command, which holds the keys.
            raise StoreError(f"{self.name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    # Of these alone the text is known to hold no command.
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | redis.ReadOnlyError):
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return type(error).__name__
