"""The SQL store on a SQLite file and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.revocation_contract import StoreContract
from tokensession.stores.sql import revocation as sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.revocation.store import Store


class SQLContract(StoreContract):
    @pytest.fixture
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read four rows at a time."""
        monkeypatch.setattr(sql, "BATCH", 4)


class TestSQLite(SQLContract):
    @pytest.fixture
    def new_store(self, new_sqlite: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store in a file per call."""
        return new_sqlite


class TestPostgreSQL(SQLContract):
    @pytest.fixture
    def new_store(self, new_postgres: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store on a server per call."""
        return new_postgres
