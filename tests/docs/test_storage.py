"""docs/storage.md agrees with what runs."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tokensession.overflow import overflow
from tokensession.overflow.store import SWEEP_EVERY, SWEEP_MARGIN
from tokensession.stores import connection
from tokensession.stores.memcached import server as memcached
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"


def test_every_store_is_named() -> None:
    """The page names each scheme of a URL and each option of `connect`."""
    text = PAGE.read_text()
    for vendor in connection._VENDORS:
        for scheme in vendor.schemes:
            assert scheme == "postgres" or f'`"{scheme}:' in text
    for option in inspect.signature(connection.connect).parameters:
        assert option == "where" or f"`{option}`" in text


def test_the_numbers_are_those_of_the_code() -> None:
    """Limits, and how often what has ended is removed."""
    text = PAGE.read_text()
    assert f"{overflow.DEFAULT_LIMIT:,} bytes of msgpack by default" in text
    assert f"at most {overflow.MAX_LIMIT:,}" in text
    assert f"every {SWEEP_EVERY}th write" in text
    assert SWEEP_MARGIN == 3600
    assert "ended an hour ago" in text


def test_the_number_of_connections() -> None:
    """The page gives the most that a process opens to each server."""
    pool: Any = Database("postgresql://app@db.example/app").engine.pool
    redis: Any = RedisServer("redis://db.example")
    mongo: Any = MongoDatabase("mongodb://db.example")
    numbers = (
        pool.size() + pool._max_overflow,
        redis.client.connection_pool.max_connections,
        mongo._new_client().options.pool_options.max_pool_size,
        memcached._MOST,
    )
    assert (
        "at most {} connections to PostgreSQL, {} to Redis (`?max_connections=`), "
        "{} to MongoDB (`?maxPoolSize=`) and {} to Memcached"
    ).format(*numbers) in PAGE.read_text()
