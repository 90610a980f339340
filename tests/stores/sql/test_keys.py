"""Keys in SQLite and PostgreSQL, on a real server."""

from __future__ import annotations

import os
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.stores.fixtures import new_prefix, roles
from tests.stores.keys_contract import KeySourceContract, UnreachableContract
from tokensession import ConfigError, StoreError
from tokensession.keys.source import load_ring
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.keys import SQLKeySource
from tokensession.stores.urls import source_from_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Postgres
    from tokensession import KeyRing
    from tokensession.keys.source import KeySource


class TestSQLiteSource(KeySourceContract):
    @pytest.fixture
    def source(self, sqlite_url: str) -> Iterator[KeySource]:
        """Give a row of a SQLite file."""
        for make in roles(sqlite_url, lambda connection: connection.keys(new_prefix())):
            yield make()


class TestPostgreSQLSource(KeySourceContract):
    @pytest.fixture
    def source(self, postgres: Postgres) -> Iterator[KeySource]:
        """Give a row of a PostgreSQL database."""
        for make in roles(postgres.url, lambda connection: connection.keys(new_prefix())):
            yield make()


class TestUnreachable(UnreachableContract):
    """A database that is down, slow or read-only: a StoreError that names the place."""

    def test_a_server_that_is_down(self, tmp_path: Path) -> None:
        """Reading and writing say that there was no connection."""
        self.assert_reports(source_from_url(f"postgresql://u@/db?host={tmp_path}"), "connection")

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """There is no file, and none can be made."""
        source = SQLKeySource(Database(f"sqlite:///{tmp_path}/no/x.db"))
        self.assert_reports(source, "its file is missing")
        with pytest.raises(StoreError, match="unable to open"):
            source.create()

    def test_a_table_that_is_not_there(self, tmp_path: Path) -> None:
        """A database that was never prepared is not an empty one."""
        (tmp_path / "x.db").touch(0o600)
        self.assert_reports(source_from_url(f"sqlite:///{tmp_path}/x.db"), "no such table")

    def test_a_row_that_is_locked(self, postgres: Postgres) -> None:
        """A row that stays locked fails the call in time."""
        database, hasty = Database(postgres.url), Database(postgres.url, timeout=0.2)
        source = database.keys("locked")
        SQLKeySource(database).create()
        assert source.write(self.SECRET, over=None)
        with database.engine.connect() as connection, database.transaction(connection):
            connection.execute(sa.text("select * from tokensession_keys for update"))
            with pytest.raises(StoreError, match="timeout") as caught:
                hasty.keys("locked").write(b"{}", over=self.SECRET)
        assert "hunter2" not in str(caught.value)
        database.close()
        hasty.close()

    def test_a_database_that_takes_no_writes(self, postgres: Postgres) -> None:
        """A standby is read, and not written."""
        options = f"{postgres.url}&options=-c default_transaction_read_only=on"
        SQLKeySource(Database(postgres.url)).create()
        with pytest.raises(StoreError, match="read-only"):
            SQLKeySource(Database(options)).write(b"x", over=None)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL without psycopg says which extra has it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"\.\[postgresql\]"):
        SQLKeySource(Database("postgresql://db/app"))


class TestSQLite:
    def test_its_file_is_private(self, tmp_path: Path) -> None:
        """A new database file is private under any umask, and an existing one keeps its mode."""
        path, shared = tmp_path / "new.db", tmp_path / "shared.db"
        shared.touch(0o640)
        former = os.umask(0o022)
        try:
            for file in (path, shared):
                source = SQLKeySource(Database(f"sqlite:///{file}"), shared_file=file is shared)
                source.create()
                assert source.write(b"one", over=None)
        finally:
            os.umask(former)
        assert {file.name: f"{file.stat().st_mode & 0o777:o}" for file in tmp_path.iterdir()} == {
            "new.db": "600",
            "shared.db": "640",
        }

    def test_asking_makes_no_file(self, tmp_path: Path) -> None:
        """Reading and a dry run leave no empty database behind."""
        source = SQLKeySource(Database(f"sqlite:///{tmp_path}/none.db"))
        for call in (source.read, lambda: source.write(b"one", over=None)):
            with pytest.raises(StoreError, match=r"its file is missing.*keys new"):
                call()
        assert list(tmp_path.iterdir()) == []

    def test_a_document_that_is_no_text(self, tmp_path: Path, hs256: KeyRing) -> None:
        """A document that is a blob, as readfile() writes it, is refused."""
        source = SQLKeySource(Database(f"sqlite:///{tmp_path}/keys.db"))
        source.create()
        with sqlite3.connect(tmp_path / "keys.db") as database:
            database.execute(
                "insert into tokensession_keys values (?, ?)", ("session-keys", hs256.to_json())
            )
        database.close()
        with pytest.raises(ConfigError, match="not text"):
            load_ring(source)


def test_an_engine_of_the_application(tmp_path: Path) -> None:
    """SQLAlchemy's own Engine is taken as it is; a client of redis-py likewise."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    source = SQLKeySource(Database(engine))
    source.create()
    source.create()
    assert source.write(b"one", over=None)
    assert source.read() == b"one"
    engine.dispose()


def test_one_database_for_all_roles(sqlite_url: str) -> None:
    """Keys, revocations and overflow share a file, a pool and a name."""
    store = Database(sqlite_url, prefix="shop_")
    keys, revocations, overflow = store.keys("a"), store.revocations(), store.overflow()
    store.create()
    assert keys.write(b"one", over=None)
    assert store.keys("a").read() == b"one"
    assert store.keys("b").read() is None
    assert keys.name == f"{store.name}#a"
    assert revocations.count() == (0, 0)
    assert overflow.get(b"n" * 32) is None
    assert sorted(sa.inspect(store.engine).get_table_names()) == [
        "shop_keys",
        "shop_overflow",
        "shop_revocation",
        "shop_revocation_changes",
        "shop_revoked_sids",
        "shop_revoked_subjects",
    ]
    store.close()
