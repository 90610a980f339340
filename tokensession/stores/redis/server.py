"""Redis, Valkey or a cluster of either, by redis-py: each call ends within its time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from tokensession.errors import ConfigError, StoreError
from tokensession.stores.arguments import check_prefix, check_timeout, first_line
from tokensession.stores.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensession.keys.source import KeySource

TIMEOUT: Final = 1.0  # seconds
# A cluster's client raises an error of its own, not a RedisError, where no node answers.
ERRORS: Final = (RedisError, RedisClusterException)

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}

Client = redis.Redis | redis.RedisCluster
_Result = TypeVar("_Result")


class RedisServer(Connection):
    """A Redis or Valkey server, or a cluster of either. All roles share its client.

    Args:
        where: A URL: ``redis://``, ``rediss://``, ``valkey://``, ``valkeys://`` or ``unix://``; or
            a client (``redis.Redis``, ``redis.RedisCluster``) with timeouts of its own.
        prefix: What the names of the keys begin with.
        timeout: Seconds that a call can take at most.

    Attributes:
        client: The client of redis-py.

    Raises:
        ConfigError: An invalid URL or argument.
    """

    vendor = "Redis"
    folder = "redis"
    stores = "RedisStore"
    can_forget = True

    def __init__(
        self, where: str | Client, *, prefix: str = "tokensession", timeout: float = TIMEOUT
    ) -> None:
        super().__init__()
        check_timeout(timeout)
        check_prefix(prefix)
        self.client: Any = _new_client(where, timeout) if isinstance(where, str) else where
        if not isinstance(self.client, Client):
            raise ConfigError(f"url must be text or a client, not {type(where).__name__}")
        self.prefix = prefix

    @property
    def name(self) -> str:
        """Host, port and database, or the socket, without the password."""
        if isinstance(self.client, redis.RedisCluster):
            cluster: Any = self.client
            node = cluster.get_default_node()
            return f"redis {node.host}:{node.port}"
        place: dict[str, Any] = self.client.connection_pool.connection_kwargs
        where = place.get("path") or f"{place.get('host')}:{place.get('port', 6379)}"
        return f"redis {where}/{place.get('db') or 0}"

    def keys(self, key: str = "", *, shared_file: bool = False) -> KeySource:  # noqa: ARG002
        source: KeySource = self._role("keys", "RedisKeySource", key=key)
        return source

    def close(self) -> None:
        self.client.close()

    def check_bytes(self) -> None:
        """Refuse a client that returns text."""
        if self.client.get_encoder().decode_responses:
            raise ConfigError("the client decodes what it reads: make it without decode_responses")

    def run(
        self,
        call: Callable[[Any], _Result],
        *,
        store: str,
        replies: Mapping[str, str] | None = None,
    ) -> _Result:
        """Let the client do something.

        Args:
            call: What the client does.
            store: What the role is called in messages.
            replies: What errors of the role's own scripts mean, by a word in them.
        """
        try:
            return call(self.client)
        except ERRORS as error:
            reason = first_line(error)
            meant = (text for code, text in (replies or {}).items() if code in reason)
            says = next(meant, f"failed: {reason}")
            raise StoreError(f"the {store} store (redis) {says}") from error


def _new_client(url: str, timeout: float) -> redis.Redis:
    """Return a client that has not connected yet.

    ``valkey`` and ``valkeys`` are other names of the first two schemes that redis-py reads.
    """
    # Once more where a restarted server has closed the connection, and for nothing else.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    scheme, colon, rest = url.partition(":")
    with contextlib.suppress(ValueError, TypeError):
        client = redis.Redis.from_url(
            _SCHEMES.get(scheme, scheme) + colon + rest,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=retry,
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # looks at the URL's options, and no more
        return client
    # Raised outside of the handler: an exception behind this one could show the URL's password.
    raise ConfigError(
        "url is not one that redis-py reads: pass redis://HOST, rediss://, unix://, valkey://, valkeys://"
    )
