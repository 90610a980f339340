"""Redis, Valkey or a cluster of either, by redis-py: each call ends within its time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.stores.arguments import check_prefix, check_timeout, first_line

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisClusterException, RedisError
    from redis.retry import Retry
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError(
        "Redis and Valkey need redis-py: pip install 'tokensession[redis]'"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT: Final = 1.0  # seconds
# A client of a cluster has an error of its own, which is no RedisError, where no node answers.
_ERRORS: Final = (RedisError, RedisClusterException)

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}

Client = redis.Redis | redis.RedisCluster
_Result = TypeVar("_Result")


class RedisServer:
    """A server that a store asks.

    Args:
        url: Where, as redis-py reads it; or a client with timeouts of its own.
        store: What the store is called in messages.
        prefix: What the names of its keys begin with.
        timeout: Seconds that a call may take at the most.
        replies: What errors of the store's own scripts mean, by a word in them.

    Attributes:
        client: What asks it.

    Raises:
        ConfigError: A URL that is none, a client that decodes, or a wrong argument.
    """

    def __init__(
        self,
        url: str | Client,
        *,
        store: str,
        prefix: str,
        timeout: float,
        replies: Mapping[str, str] | None = None,
    ) -> None:
        check_timeout(timeout)
        check_prefix(prefix)
        self.client: Any = connect(url, timeout) if isinstance(url, str) else url
        if not isinstance(self.client, Client):
            raise ConfigError(f"url must be text or a client, not {type(url).__name__}")
        if self.client.get_encoder().decode_responses:
            raise ConfigError("the client decodes what it reads: make it without decode_responses")
        self._store = store
        self._replies = replies or {}

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self.client.close()

    def run(self, call: Callable[[Any], _Result]) -> _Result:
        """Let the client do something.

        Raises:
            StoreError: It failed, or took too long.
        """
        try:
            return call(self.client)
        except _ERRORS as error:
            raise StoreError(self._complaint(error)) from error

    def _complaint(self, error: Exception) -> str:
        reason = str(error)
        for code, text in self._replies.items():
            if code in reason:
                return f"the {self._store} store (redis) {text}"
        return f"the {self._store} store (redis) failed: {first_line(error)}"


def connect(url: str, timeout: float) -> redis.Redis:
    """Return a client, which has not connected yet.

    Args:
        url: As redis-py reads it; ``valkey`` and ``valkeys`` are other names of its first two
            schemes.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: A URL that is none.
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
    # Said here, so that no exception behind this one shows a URL, which may have a password.
    raise ConfigError(
        "url is not one that redis-py reads: redis://HOST, rediss://, unix://, valkey://, valkeys://"
    )
