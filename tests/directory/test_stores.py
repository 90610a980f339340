"""The directory of each vendor, on real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.fixtures import PATIENCE, new_connection, new_prefix
from tokensession.stores import connect

from .contract import DirectoryContract, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Mongo, Postgres, Valkey
    from tokensession.stores import Connection


def pairs(url: str) -> Iterator[Callable[[], Pair]]:
    """Give what makes an empty, created pair per call, and close all connections."""
    made: list[Connection] = []

    def make() -> Pair:
        connection = new_connection(url)
        if url.startswith("mongodb"):  # each role has a collection
            connection = connect(url, database=new_prefix(), timeout=PATIENCE)
        made.append(connection)
        pair = Pair(connection.directory(), connection.revocations())
        connection.create()
        return pair

    yield make
    for connection in made:
        connection.close()


class TestMemory(DirectoryContract):
    shared = False

    @pytest.fixture
    def new_pair(self) -> Iterator[Callable[[], Pair]]:
        """Make a memory of its own per call."""
        yield from pairs("memory:")


class TestSQLite(DirectoryContract):
    @pytest.fixture
    def new_pair(self, sqlite_url: str) -> Iterator[Callable[[], Pair]]:
        """Make tables in a file per call."""
        yield from pairs(sqlite_url)


class TestPostgreSQL(DirectoryContract):
    @pytest.fixture
    def new_pair(self, postgres: Postgres) -> Iterator[Callable[[], Pair]]:
        """Make tables on a server per call."""
        yield from pairs(postgres.url)


class TestValkey(DirectoryContract):
    @pytest.fixture
    def new_pair(self, valkey: Valkey) -> Iterator[Callable[[], Pair]]:
        """Take keys of a server per call."""
        yield from pairs(valkey.url)


class TestMongo(DirectoryContract):
    @pytest.fixture
    def new_pair(self, mongo: Mongo) -> Iterator[Callable[[], Pair]]:
        """Take a database of a server per call."""
        yield from pairs(mongo.url)
