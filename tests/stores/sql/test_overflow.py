"""Overflowed states in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Postgres
from tests.stores.fixtures import roles
from tests.stores.overflow_contract import KilledServerContract, OverflowContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.overflow.store import Store


class TestSQLite(OverflowContract):
    sweeps = True

    @pytest.fixture
    def new_store(self, sqlite_url: str) -> Iterator[Callable[[], Store]]:
        """Make a store in a file per call."""
        yield from roles(sqlite_url, lambda connection: connection.overflow())


class TestPostgreSQL(OverflowContract):
    sweeps = True

    @pytest.fixture
    def new_store(self, postgres: Postgres) -> Iterator[Callable[[], Store]]:
        """Make a store on a server per call."""
        yield from roles(postgres.url, lambda connection: connection.overflow())


class TestKilledPostgreSQL(KilledServerContract):
    server = Postgres
