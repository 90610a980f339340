"""Stores of each kind, and servers that can be killed, for the tests of overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Memcached, Mongo, Postgres, Redis, Valkey
from tests.stores.fixtures import PATIENCE, new_connection, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server
    from tokensession.overflow.store import Store

SERVERS: dict[str, type[Server]] = {
    "postgres": Postgres,
    "valkey": Valkey,
    "redis_server": Redis,
    "memcached": Memcached,
    "mongo": Mongo,
}


@pytest.fixture(params=("memory", "sqlite", *SERVERS))
def store(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[Store]:
    """Give an empty store of each kind in turn."""
    urls = {"memory": "memory:", "sqlite": sqlite_url}
    url = urls.get(request.param) or request.getfixturevalue(request.param).url
    for make in roles(url, lambda connection: connection.overflow()):
        yield make()


@pytest.fixture(params=SERVERS)
def killable(slow: None, request: pytest.FixtureRequest) -> Iterator[tuple[Server, Store]]:
    """Give a server that can be killed, and a store on it, of each kind in turn."""
    with SERVERS[request.param]() as server:
        # The client of MongoDB waits for its server as long as it can.
        patience = 5 if request.param == "mongo" else PATIENCE
        connection = new_connection(server.url, timeout=patience)
        store = connection.overflow()
        connection.create()
        yield server, store
        connection.close()
