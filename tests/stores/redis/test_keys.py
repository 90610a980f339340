"""Keys in Redis and Valkey, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.fixtures import new_prefix
from tests.stores.keys_contract import KeySourceContract, UnreachableContract
from tokensession import StoreError
from tokensession.stores import connect
from tokensession.stores.redis.keys import RedisKeySource
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.urls import source_from_url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Redis, Valkey
    from tokensession.keys.source import KeySource


class TestRedis(KeySourceContract):
    @pytest.fixture
    def source(self, redis_server: Redis) -> KeySource:
        """Give a name on a Redis server."""
        return connect(redis_server.url).keys(new_prefix())


class TestValkey(KeySourceContract):
    @pytest.fixture
    def source(self, valkey: Valkey) -> KeySource:
        """Give a name on a Valkey server."""
        return connect(valkey.url).keys(new_prefix())


class TestUnreachable(UnreachableContract):
    """A server that is down, hangs or cannot be written: a StoreError that names the place."""

    def test_a_server_that_is_down(self, tmp_path: Path) -> None:
        """Reading and writing name the socket."""
        self.assert_reports(source_from_url(f"unix://{tmp_path}/none"), "none")

    def test_a_server_that_hangs(self, valkey: Valkey) -> None:
        """It counts as unreachable after the connection's timeout."""
        source = connect(valkey.url, timeout=0.05).keys("slow")
        valkey.pause()
        try:
            self.assert_reports(source, "TimeoutError")
        finally:
            valkey.resume()

    def test_a_server_that_takes_no_writes(self, valkey: Valkey) -> None:
        """A replica is read, and not written."""
        import redis  # noqa: PLC0415  # a client of its own

        source = RedisKeySource(RedisServer(valkey.url), key="replica")
        assert source.write(b"one", over=None)
        with redis.Redis.from_url(valkey.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            try:
                client.config_set("replica-serve-stale-data", "yes")
                assert source.read() == b"one"
                with pytest.raises(StoreError):
                    source.write(b"two", over=b"one")
            finally:
                client.execute_command("REPLICAOF", "NO", "ONE")

    def test_no_client_shows_its_password(self, tmp_path: Path) -> None:
        """A wrong password is an error without it."""
        source = source_from_url(
            f"redis://127.0.0.1:1#{tmp_path.name}",
            environment={"TOKENSESSION_SOURCE_PASSWORD": "hunter2"},
        )
        self.assert_reports(source, "127.0.0.1:1/0")


def test_a_client_that_decodes(valkey: Valkey) -> None:
    """A client whose answers are str serves too."""
    import redis  # noqa: PLC0415  # a client of its own

    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        source = RedisKeySource(RedisServer(client), key="decoding")
        assert source.write(b"one", over=None)
        assert source.read() == b"one"
        assert source.write(b"two", over=b"one")
