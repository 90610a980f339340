"""A key document in Redis or Valkey, through redis-py.

Needs the extra ``redis``. The server must not evict (``maxmemory-policy noeviction``) and should
persist, because a lost document must be restored by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from tokensession.errors import StoreError
from tokensession.stores.arguments import first_line, row_name
from tokensession.stores.connection import Role
from tokensession.stores.redis.server import ERRORS, RedisServer, remedy_of

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_NAME: Final = "tokensession:keys"

# Errors whose text contains no command.
_HARMLESS: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.NoPermissionError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
)

# The server runs it in one step. KEYS[1]: the name; ARGV: the expected text, the new text.
_COMPARE_AND_SWAP: Final = """
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
return 1
"""


class RedisKeySource(Role[RedisServer]):
    """The document under one key of a Redis or Valkey server.

    Args:
        connection: The server, or its URL or client.
        key: The key; by default ``tokensession:keys``.
        options: As for `stores.connect`, with a URL or client.
    """

    def __init__(self, connection: RedisServer | Any, *, key: str = "", **options: Any) -> None:
        connection = RedisServer.of(connection, options)
        super().__init__(connection)
        self._key = row_name(key, DEFAULT_NAME)

    @property
    def name(self) -> str:
        """The server and the key, without the password."""
        return f"{self._connection.name}#{self._key}"

    def read(self) -> bytes | None:
        document = self._ask(lambda client: client.get(self._key))
        return document.encode() if isinstance(document, str) else document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        if over is None:
            return bool(self._ask(lambda client: client.set(self._key, document, nx=True)))
        values = (_COMPARE_AND_SWAP, 1, self._key, over, document)
        return bool(self._ask(lambda client: client.eval(*values)))

    def _ask(self, call: Callable[[Any], Any]) -> Any:
        try:
            return self._connection.ask(call)
        except (*ERRORS, OSError) as error:
            reason = f"{_reason(error)}{remedy_of(error)}"
        # Raised outside the except block, because errors can quote the command with the keys.
        raise StoreError(f"{self.name}: {reason}")


def _reason(error: Exception) -> str:
    """Return an error's text without keys, because some errors quote the command with them."""
    if isinstance(error, _HARMLESS):
        return f"{type(error).__name__}: {first_line(error)}"
    return type(error).__name__
