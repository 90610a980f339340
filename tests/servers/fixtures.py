"""One server of each kind for the whole run of the tests; a test takes a name of its own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import Cluster, Memcached, Mongo, Postgres, Redis, Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def slow(request: pytest.FixtureRequest) -> None:
    """Skip what takes this, in a short run."""
    if request.config.getoption("fast"):
        pytest.skip("--fast starts no server")


@pytest.fixture(scope="session")
def postgres(slow: None) -> Iterator[Postgres]:
    """Give a running PostgreSQL."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey(slow: None) -> Iterator[Valkey]:
    """Give a running Valkey."""
    with Valkey() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(slow: None) -> Iterator[Redis]:
    """Give a running Redis."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def cluster(slow: None) -> Iterator[Cluster]:
    """Give a running Redis Cluster."""
    with Cluster() as servers:
        yield servers


@pytest.fixture(scope="session")
def memcached(slow: None) -> Iterator[Memcached]:
    """Give a running Memcached."""
    with Memcached() as server:
        yield server


@pytest.fixture(scope="session")
def mongo(slow: None) -> Iterator[Mongo]:
    """Give a running server of MongoDB's protocol."""
    with Mongo() as server:
        yield server
