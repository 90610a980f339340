"""A key document in Redis or Valkey, through redis-py.

Needs the extra ``redis`` (``pip install 'tokensession[redis]'``). The server should not evict
(``maxmemory-policy noeviction``) and should persist: a document that is lost is restored by hand.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import StoreError
from tokensession.keys.source import STORE_SECONDS
from tokensession.stores.redis.server import connect  # first, as it says which extra is missing

import redis  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Generator

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
        server: A URL as `RedisStore` takes it, or a client.
        key: The name.

    Raises:
        ConfigError: A URL that is none.
    """

    def __init__(self, server: str | redis.Redis, *, key: str = DEFAULT_NAME) -> None:
        if isinstance(server, str):
            server = connect(server, STORE_SECONDS)
        self._server: Any = server
        self._key = key

    @property
    def name(self) -> str:
        """Server and name, without the password."""
        place: dict[str, Any] = self._server.connection_pool.connection_kwargs
        where = place.get("path") or f"{place.get('host')}:{place.get('port', 6379)}"
        return f"redis {where}/{place.get('db') or 0}#{self._key}"

    def read(self) -> bytes | None:
        """Return the document's text, or None where there is none."""
        with self._reported():
            document = self._server.get(self._key)
        return document.encode() if isinstance(document, str) else document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document, if it is still `over`; the server compares."""
        with self._reported():
            if over is None:
                return bool(self._server.set(self._key, document, nx=True))
            return bool(self._server.eval(_COMPARE_AND_SWAP, 1, self._key, over, document))

    @contextlib.contextmanager
    def _reported(self) -> Generator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            # By type: the text of a server's error may quote the command, which holds the keys.
            raise StoreError(f"{self.name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    # Of these alone the text is known to hold no command.
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | redis.ReadOnlyError):
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return type(error).__name__
