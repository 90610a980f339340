"""The Redis store of overflowed states on Redis 7, on Valkey 9, and on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Redis, Valkey
from tests.stores.fixtures import new_prefix, roles
from tests.stores.overflow_contract import KilledServerContract, OverflowContract
from tokensession.stores import Connection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Cluster
    from tokensession.overflow.store import Store


class TestRedis(OverflowContract, KilledServerContract):
    server = Redis

    @pytest.fixture
    def new_store(self, redis_server: Redis) -> Iterator[Callable[[], Store]]:
        """Make a store on Debian's Redis per call."""
        yield from roles(redis_server.url, lambda connection: connection.overflow())


class TestValkey(OverflowContract, KilledServerContract):
    server = Valkey

    @pytest.fixture
    def new_store(self, valkey: Valkey) -> Iterator[Callable[[], Store]]:
        """Make a store on Valkey per call."""
        yield from roles(valkey.url, lambda connection: connection.overflow())


class TestCluster(OverflowContract):
    @pytest.fixture
    def new_store(self, cluster: Cluster) -> Iterator[Callable[[], Store]]:
        """Make a store on three masters per call."""
        made: list[Connection] = []

        def make() -> Store:
            made.append(connect(cluster.client(60), prefix=new_prefix()))
            return made[-1].overflow()

        yield make
        for connection in made:
            connection.close()
