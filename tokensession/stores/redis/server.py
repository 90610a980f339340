"""Redis, Valkey or a cluster of either by redis-py, with a time limit for each call."""

from __future__ import annotations

import contextlib
import re
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from tokensession.errors import ConfigError, StoreError
from tokensession.stores.arguments import (
    check_options,
    check_prefix,
    check_url,
    first_line,
    timeout_seconds,
)
from tokensession.stores.connection import MAX_AGE, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from tokensession.keys.source import KeySource

TIMEOUT: Final = 1.0  # seconds
# If no node answers, a cluster's client raises its own error, not a RedisError.
ERRORS: Final = (exceptions.RedisError, exceptions.RedisClusterException)
# The errors of a server that has become a replica: another server has taken over its address.
_WRONG_SERVER: Final = (exceptions.ReadOnlyError, exceptions.MasterDownError)
# The error of a client's full pool, which does not wait.
_FULL: Final[Any] = getattr(exceptions, "MaxConnectionsError", ())
_WAIT: Final = 0.02  # seconds between two tries with a full pool
_RIGHTS: Final = "+@read +@write +@scripting +info"

# A pool ignores another path, and takes the database 0.
_PATH: Final = re.compile(r"/?[0-9]{0,6}")
_TIMEOUTS: Final = ("timeout", "socket_timeout", "socket_connect_timeout")

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}

Client = redis.Redis | redis.RedisCluster
_Result = TypeVar("_Result")


class RedisServer(Connection):
    """A Redis or Valkey server, or a cluster of either. All roles share its client.

    Args:
        where: A URL: ``redis://``, ``rediss://``, ``valkey://``, ``valkeys://`` or ``unix://``; or
            a client (``redis.Redis``, ``redis.RedisCluster``) with its own timeouts.
        prefix: The prefix of the keys' names.
        timeout: The longest time of a call, in seconds or as a timedelta.

    Attributes:
        client: The client of redis-py.

    Raises:
        ConfigError: The URL or an argument is invalid.
    """

    vendor = "Redis"
    folder = "redis"
    stores = "RedisStore"
    can_forget = True

    def __init__(
        self,
        where: str | Client,
        *,
        prefix: str = "tokensession",
        timeout: float | timedelta = TIMEOUT,
    ) -> None:
        super().__init__()
        seconds = timeout_seconds(timeout)
        check_prefix(prefix)
        self.client: Any = _new_client(where, seconds) if isinstance(where, str) else where
        if not isinstance(self.client, Client):
            raise ConfigError(f"url must be text or a client, not {type(where).__name__}")
        self.prefix = prefix
        self._timeout = seconds

    @property
    def name(self) -> str:
        """Host, port and database, the socket, or a Sentinel's service, without the password."""
        if isinstance(self.client, redis.RedisCluster):
            cluster: Any = self.client
            # A closed cluster has no default node until the next call.
            node = cluster.get_default_node() or next(
                iter(cluster.nodes_manager.startup_nodes.values())
            )
            return f"redis {node.host}:{node.port}"
        pool = self.client.connection_pool
        place: dict[str, Any] = pool.connection_kwargs
        where = (
            place.get("path")
            or getattr(pool, "service_name", "")
            or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}"
        )
        return f"redis {where}/{place.get('db') or 0}"

    def keys(self, key: str = "", *, shared_file: bool = False) -> KeySource:  # noqa: ARG002
        source: KeySource = self._role("keys", "RedisKeySource", key=key)
        return source

    def close(self) -> None:
        if isinstance(self.client, redis.RedisCluster):
            cluster: Any = self.client
            cluster.disconnect_connection_pools()  # a closed client would find no node again
        else:
            self.client.close()

    def check_bytes(self) -> None:
        """Refuse a client that decodes its replies to text."""
        if self.client.get_encoder().decode_responses:
            raise ConfigError("the client decodes its replies: create it without decode_responses")

    def run(
        self,
        call: Callable[[Any], _Result],
        *,
        store: str,
        replies: Mapping[str, str] | None = None,
    ) -> _Result:
        """Run a call on the client.

        Args:
            call: The call.
            store: The name of the role in messages.
            replies: The meaning of errors of the role's scripts, by a word in their text.
        """
        try:
            return self.ask(call)
        except ERRORS as error:
            reason = first_line(error) or type(error).__name__
            meant = (text for code, text in (replies or {}).items() if code in reason)
            says = next(meant, f"failed: {reason}{remedy_of(error)}")
            # A cause that repeats a command such as AUTH would show its password in a traceback.
            cause = error if reason in (str(error), type(error).__name__) else None
        # Raised outside the except block, so that no chained exception has it.
        raise StoreError(f"the {store} store (redis) {says}") from cause

    def ask(self, call: Callable[[Any], _Result]) -> _Result:
        """Run a call on the client, and again on a new connection if the server became read-only.

        If the pool is full, wait for a connection within the timeout.
        """
        ends = monotonic() + self._timeout
        while True:
            try:
                return call(self.client)
            except _FULL:
                if monotonic() >= ends:
                    raise
                sleep(_WAIT)
            except _WRONG_SERVER:
                break
        if isinstance(self.client, redis.RedisCluster):  # it already knows the new server
            return call(self.client)
        with self.client.client() as single:
            single.connection.disconnect()
            return call(single)


def remedy_of(error: Exception) -> str:
    """Return the fix for a server's error, as the end of a message."""
    if isinstance(error, exceptions.NoPermissionError):
        return f": grant its user {_RIGHTS} and the names of the keys (ACL SETUSER)"
    return ""


class _Aging:
    """A connection that is replaced when it is old. A pool calls `connect` before each use."""

    _since = 0.0

    def connect(self) -> None:
        if not 0 <= time() - self._since <= MAX_AGE:
            self.disconnect()  # type: ignore[attr-defined]  # mixed into redis-py's
        super().connect()  # type: ignore[misc]

    def _connect(self) -> Any:
        self._since = time()
        return super()._connect()  # type: ignore[misc]


def _new_client(url: str, timeout: float) -> redis.Redis:
    """Return a new client, which has not connected yet.

    ``valkey`` and ``valkeys`` are aliases of redis-py's first two schemes.
    """
    check_url(url)
    check_options(url, timeouts=_TIMEOUTS)
    # Retry once if a restarted server has closed the connection, and only then.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    scheme, colon, rest = url.partition(":")
    with contextlib.suppress(ValueError, TypeError, exceptions.RedisError):
        place = urlsplit(url)
        twice = len(place.path) > 1 and "db" in parse_qs(place.query)
        if scheme != "unix" and (not _PATH.fullmatch(place.path) or place.fragment or twice):
            raise ValueError
        pool: Any = redis.BlockingConnectionPool.from_url(
            _SCHEMES.get(scheme, scheme) + colon + rest,
            timeout=timeout,  # for connecting
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=retry,
        )
        pool.connection_class = type("Connection", (_Aging, pool.connection_class), {})
        pool.connection_class(**pool.connection_kwargs)  # validates the URL's options only
        return redis.Redis.from_pool(pool)
    # Raised outside the except block, because a chained exception could show the URL's password.
    raise ConfigError(
        "invalid URL for redis-py: pass redis://HOST:PORT/DATABASE, rediss://, unix://, valkey:// "
        "or valkeys://"
    )
