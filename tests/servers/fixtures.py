"""One server of each kind for the whole run of the tests; a test takes a name of its own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import Memcached, Mongo, Postgres, Redis, Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a running PostgreSQL."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Give a running Valkey."""
    with Valkey() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """Give a running Redis."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def memcached() -> Iterator[Memcached]:
    """Give a running Memcached."""
    with Memcached() as server:
        yield server


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    """Give a running server of MongoDB's protocol."""
    with Mongo() as server:
        yield server
