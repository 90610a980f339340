"""A key document in Redis or Valkey, through redis-py.

Needs the extra ``redis`` (``pip install 'tokensession[redis]'``). The server should not evict
(``maxmemory-policy noeviction``) and should persist: a document that is lost is restored by hand.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import StoreError
from tokensession.keys.source import STORE_SECONDS
from tokensession.stores.connection import connection_of
from tokensession.stores.redis.server import ERRORS, RedisServer  # first: it names a missing extra

import redis  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokensession.stores.redis.server import Client

DEFAULT_NAME: Final = "tokensession:keys"

# Run by the server in one step. KEYS[1]: the name; ARGV: what must be there, what shall be.
_COMPARE_AND_SWAP: Final = """
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
return 1
"""


class RedisKeySource:
    """The document under one name of a Redis or Valkey server.

    Args:
        where: A `RedisServer`, or a URL or a client for one of its own.
        key: The name.

    Raises:
        ConfigError: An invalid URL or argument.
    """

    def __init__(self, where: RedisServer | str | Client, *, key: str = DEFAULT_NAME) -> None:
        patience = STORE_SECONDS if isinstance(where, str) else None
        self._server = connection_of(RedisServer, where, timeout=patience)
        self._client: Any = self._server.client
        self._key = key

    @property
    def name(self) -> str:
        """Server and name, without the password."""
        return f"{self._server.name}#{self._key}"

    def create(self) -> None:
        """Do nothing: a key needs no preparation."""

    def close(self) -> None:
        """Close the idle connections of the server."""
        self._server.close()

    def read(self) -> bytes | None:
        """Get the key."""
        with self._reported():
            document = self._client.get(self._key)
        return document.encode() if isinstance(document, str) else document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Set the key in one script, in which the server compares."""
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
