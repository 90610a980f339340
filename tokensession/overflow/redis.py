"""Overflowed states in Redis (7.0 or later) or Valkey by redis-py; a cluster does as well."""

from __future__ import annotations

import re
from typing import Any, Final

from tokensession.errors import ConfigError, StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError("RedisStore needs redis-py: pip install 'tokensession[redis]'") from _missing

_TIMEOUT: Final = 1.0  # seconds
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


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
        url: str | redis.Redis | redis.RedisCluster,
        *,
        prefix: str = "tokensession",
        timeout: float = _TIMEOUT,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be above 0 seconds, not {timeout}")
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError("prefix must be 1 to 64 letters, digits and _ . : -")
        self._client: Any = _client(url, timeout) if isinstance(url, str) else url
        if not isinstance(self._client, redis.Redis | redis.RedisCluster):
            raise ConfigError(f"url must be text or a client, not {type(url).__name__}")
        if self._client.get_encoder().decode_responses:
            raise ConfigError("the client decodes what it reads: make it without decode_responses")
        self._prefix = f"{prefix}:overflow:"

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._client.close()

    def create(self) -> None:
        """Do nothing: keys need no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        try:
            self._client.set(self._key(name), entry, ex=max(1, until - now))
        except RedisError as error:
            raise _failed(error) from error

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        try:
            found: bytes | None = self._client.get(self._key(name))
        except RedisError as error:
            raise _failed(error) from error
        return found

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        key = self._key(name)
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.expire(key, max(1, until - now), gt=True)
                pipe.exists(key)
                _, found = pipe.execute()
        except RedisError as error:
            raise _failed(error) from error
        return bool(found)

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        try:
            self._client.delete(self._key(name))
        except RedisError as error:
            raise _failed(error) from error

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended."""
        return 0

    def _key(self, name: bytes) -> str:
        return self._prefix + name.hex()


def _client(url: str, timeout: float) -> redis.Redis:
    # A connection that a restarted server has closed is made anew, once; nothing else is retried.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    try:
        return redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry
        )
    except ValueError as error:
        # The message must not show a URL, which may have a password.
        raise ConfigError(
            "url is not one that redis-py reads: redis://HOST, rediss://, unix://"
        ) from error


def _failed(error: RedisError) -> StoreError:
    reason = str(error).strip().partition("\n")[0]
    return StoreError(f"the overflow store (redis) failed: {reason}")
