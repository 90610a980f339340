"""What the tests of stores share: a new name for each store, on servers that all tests use."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from tokensession.stores.redis.revocation import RedisStore
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Postgres, Redis, Valkey

_numbers = count()


def new_prefix() -> str:
    """Return a name that no other store has."""
    return f"t{next(_numbers)}_"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/revocations.db"


def sql_stores(url: str) -> Iterator[Callable[[], SQLStore]]:
    """Give what makes an empty store per call, and close them all."""
    made: list[SQLStore] = []

    def make() -> SQLStore:
        store = SQLStore(url, prefix=new_prefix(), timeout=60)
        made.append(store)
        store.create()
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def new_sqlite(sqlite_url: str) -> Iterator[Callable[[], SQLStore]]:
    """Make an empty store in a SQLite file per call."""
    yield from sql_stores(sqlite_url)


@pytest.fixture
def new_postgres(postgres: Postgres) -> Iterator[Callable[[], SQLStore]]:
    """Make an empty store in PostgreSQL per call."""
    yield from sql_stores(postgres.url)


def redis_stores(url: str) -> Iterator[Callable[[], RedisStore]]:
    """Give what makes an empty store per call, and close them all."""
    made: list[RedisStore] = []

    def make() -> RedisStore:
        store = RedisStore(url, prefix=new_prefix(), timeout=60)
        made.append(store)
        store.create()
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def new_valkey(valkey: Valkey) -> Iterator[Callable[[], RedisStore]]:
    """Make an empty store in Valkey per call."""
    yield from redis_stores(valkey.url)


@pytest.fixture
def new_redis(redis_server: Redis) -> Iterator[Callable[[], RedisStore]]:
    """Make an empty store in Redis per call."""
    yield from redis_stores(redis_server.url)
