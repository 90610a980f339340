"""SQLite and PostgreSQL that fail: each failure is a StoreError, and passes without a restart."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.forks import fork
from tests.stores.samples import ADA, LIFE, NOW, denial, sid
from tokensession import ConfigError, KeyRing, StoreError
from tokensession.keys.source import create, load_ring
from tokensession.revocation.decision import Entries
from tokensession.stores.sql.database import Database, Messages
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Postgres
    from tokensession.revocation.store import Store


class TestPostgreSQL:
    def test_a_late_commit_is_not_lost(
        self, postgres: Postgres, new_postgres: Callable[[], SQLStore]
    ) -> None:
        """An entry whose number is lower than one that was read is read when it can be seen."""
        store = new_postgres()
        table = store._tables.denied.name
        url = postgres.url.replace("+psycopg", "")
        with psycopg.connect(url) as late:
            late.execute(
                f"insert into {table} (sid, until, position) values "  # noqa: S608  # our own name
                "(%s, %s, pg_current_xact_id()::text::bigint)",
                (sid(7), NOW + LIFE),
            )
            store.deny(denial(8), now=NOW)
            seen, position = read_sids(store, None)
            assert seen == {sid(8)}
            again, position = read_sids(store, position)
            assert again <= {sid(8)}
            late.commit()
        seen, position = read_sids(store, position)
        assert sid(7) in seen
        assert read_sids(store, position)[0] == set()

    def test_a_transaction_that_hangs_holds_up_nobody_for_long(
        self, postgres: Postgres, new_postgres: Callable[[], SQLStore]
    ) -> None:
        """Denying needs no lock of others'; a mark does, and says so in time."""
        store = new_postgres()
        prefix = store._tables.store.name.removesuffix("revocation")
        hasty = SQLStore(Database(postgres.url, prefix=prefix, timeout=0.5))
        with psycopg.connect(postgres.url.replace("+psycopg", "")) as other:
            other.execute(f"select * from {store._tables.store.name} for update")  # noqa: S608
            store.deny(denial(1), now=NOW)
            assert store.look_up(sid(1), None).denied
            with pytest.raises(StoreError, match="timeout"):
                hasty.mark(ADA, None, now=NOW, life=LIFE)
        store.mark(ADA, None, now=NOW, life=LIFE)  # which has the time of a busy machine
        hasty.close()

    def test_wrong_credentials(self, postgres: Postgres) -> None:
        """One line, without the password."""
        url = postgres.url.replace("postgres@", "nobody_there:hunter2@")
        store = SQLStore(Database(url))
        with pytest.raises(StoreError, match="does not exist") as caught:
            store.look_up(sid(1), None)
        assert "hunter2" not in str(caught.value)
        assert "create()" not in str(caught.value)  # which cannot make a role
        store.close()

    def test_another_encoding(self, postgres: Postgres) -> None:
        """`initdb` without a locale makes databases in SQL_ASCII."""
        admin = SQLStore(Database(postgres.url))
        execute(admin, "create database ascii encoding 'SQL_ASCII' template template0")
        admin.close()
        connection = Database(postgres.url.replace("/postgres?", "/ascii?"))
        keys = connection.keys("naïve-日本")
        connection.create()
        ring = KeyRing.generate().add()
        assert create(keys, ring)
        assert load_ring(keys).to_json() == ring.to_json()
        connection.close()

    def test_not_created(self, postgres: Postgres) -> None:
        """A missing table is to be made; a table of another application lacks columns."""
        store = SQLStore(Database(postgres.url, prefix="foreign_"))
        with pytest.raises(StoreError, match=r"does not exist.*: run create\(\)"):
            store.look_up(sid(1), None)
        execute(store, "create table foreign_revocation (id integer)")
        execute(store, "create table foreign_revoked_sids (sid bytea)")
        execute(store, "create table foreign_revoked_subjects (subject bytea)")
        execute(store, "create table foreign_revocation_changes (id bytea)")
        for call in (lambda: store.look_up(sid(1), None), store.create):
            with pytest.raises(StoreError, match=r"column .* does not exist$"):
                call()
        store.close()


def read_sids(store: Store, position: Any) -> tuple[set[bytes], Any]:
    """Return the session ids that reading gives, and the position after it."""
    seen: set[bytes] = set()
    for batch in store.read(position):
        seen |= {one for one, _ in batch.denied}
        position = batch.position
    return seen, position


class TestSQL:
    def test_not_created(self, sqlite_url: str) -> None:
        """It says how."""
        store = SQLStore(Database(sqlite_url))
        for call in (
            lambda: store.look_up(sid(1), None),
            lambda: store.deny(denial(1), now=NOW),
            lambda: list(store.read(None)),
            store.count,
        ):
            with pytest.raises(StoreError, match=r"create\(\)"):
                call()
        store.close()

    def test_emptied(self, new_sqlite: Callable[[], SQLStore]) -> None:
        """Tables without their row are a loss, not an empty list."""
        store = new_sqlite()
        execute(store, f"delete from {store._tables.store.name}")  # noqa: S608  # our own name
        with pytest.raises(StoreError, match="is empty"):
            store.look_up(sid(1), None)
        with pytest.raises(StoreError, match="is empty"):
            store.mark(ADA, None, now=NOW, life=LIFE)

    def test_another_version(self, new_sqlite: Callable[[], SQLStore]) -> None:
        """Is left alone."""
        store = new_sqlite()
        execute(store, f"update {store._tables.store.name} set version = 9")  # noqa: S608
        for call in (lambda: store.look_up(sid(1), None), store.create):
            with pytest.raises(StoreError, match="has version 9"):
                call()

    def test_garbage(self, new_sqlite: Callable[[], SQLStore]) -> None:
        """Invalid rows are skipped and counted, and a session that depends on one is refused."""
        store = new_sqlite()
        store.deny(denial(1), now=NOW)
        tables = store._tables
        insert = f"insert into {tables.denied.name} (sid, until, position) values "  # noqa: S608
        execute(store, insert + "(x'00', 1, 1)")
        execute(store, insert + f"(x'{'ff' * 16}', 'x', 1)")
        execute(store, f"insert into {tables.marks.name} values (x'{ADA.hex()}','x',1,1,1,1)")  # noqa: S608
        batches = list(store.read(None))
        assert sum(batch.skipped for batch in batches) == 3
        assert [one for batch in batches for one in batch.denied] == [(sid(1), denial(1).until)]
        with pytest.raises(StoreError, match="an invalid number"):
            store.look_up(sid(2), ADA)
        with pytest.raises(StoreError, match="an invalid number"):
            store.mark(ADA, None, now=NOW, life=LIFE)
        execute(store, f"update {tables.marks.name} set kept = x'{sid(2).hex()}', revision = 'x'")  # noqa: S608
        with pytest.raises(StoreError, match="an invalid number"):
            store.replace(denial(2), sid(3), now=NOW)
        execute(store, f"update {tables.changes.name} set id = 'x'")  # noqa: S608
        with pytest.raises(StoreError, match="an invalid change"):
            list(store.read(None))

    def test_read_only_and_locked(
        self, sqlite_url: str, new_sqlite: Callable[[], SQLStore]
    ) -> None:
        """Reading goes on; writing fails in time, and works again afterwards."""
        store = new_sqlite()
        prefix = store._tables.store.name.removesuffix("revocation")
        hasty = SQLStore(Database(sqlite_url, prefix=prefix, timeout=0.1))
        with store._connection.engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                hasty.deny(denial(1), now=NOW)
            assert hasty.look_up(sid(1), None) == Entries()
            other.exec_driver_sql("ROLLBACK")
        hasty.deny(denial(1), now=NOW)
        execute(hasty, "pragma max_page_count = 1")
        assert hasty.look_up(sid(1), None).denied
        hasty.close()

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("sqlite://", "in memory"), ("sqlite:///:memory:", "in memory"),
            ("sqlite:///file::memory:?cache=shared&uri=true", "in memory"),
            ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
            ("sqlite:///file:/x?vfs=memdb&uri=true", "in memory"),
            ("sqlite:///file:?uri=true", "in memory"),
            (sa.create_engine("sqlite://"), "in memory"),
            ("mysql://h/db", "driver of this database is missing"), ("what", "invalid URL"),
            ("no+such://h", "invalid URL"), (7, "text or an engine"),
        ],
    )  # fmt: skip
    def test_urls(self, url: Any, reason: str) -> None:
        """Are refused when the store is made, without I/O."""
        with pytest.raises(ConfigError, match=reason):
            SQLStore(Database(url))

    def test_arguments(self, sqlite_url: str) -> None:
        """Out of range."""
        with pytest.raises(ConfigError, match="timeout"):
            SQLStore(Database(sqlite_url, timeout=0))
        for prefix in ("", "1a", "a b", "a;drop", "A"):
            with pytest.raises(ConfigError, match="prefix"):
                SQLStore(Database(sqlite_url, prefix=prefix))

    def test_a_missing_driver(self, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line that names the extra."""
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(ConfigError, match=r"\.\[postgresql\]"):
            SQLStore(Database(postgres.url))

    @pytest.mark.parametrize("hooks", [True, False])
    @pytest.mark.parametrize("name", ["new_sqlite", "new_postgres", "new_valkey"])
    def test_a_child_makes_connections_of_its_own(
        self, name: str, request: pytest.FixtureRequest, *, hooks: bool
    ) -> None:
        """After a fork both go on, and neither disturbs the other."""
        store: Store = request.getfixturevalue(name)()
        store.deny(denial(1), now=NOW)

        def check(first: int) -> None:
            for number in range(first, first + 20):
                store.deny(denial(number), now=NOW)
                assert store.look_up(sid(number), None).denied

        held_in_child = fork(lambda: check(20), hooks=hooks)
        check(40)
        assert held_in_child()
        assert store.count().denied == 41


@pytest.mark.parametrize("name", ["new_sqlite", "new_postgres"])
def test_a_connection_in_use_when_its_store_is_closed(
    name: str, request: pytest.FixtureRequest
) -> None:
    """It is closed when its call ends, and the next call makes another."""
    database = request.getfixturevalue(name)()._connection
    used: list[Any] = []

    def use(connection: sa.Connection) -> None:
        used.append(connection.connection.dbapi_connection)
        if len(used) == 1:
            database.close()

    for _ in range(3):
        database.run(Messages("failed", ""), use)
    assert used[1] is not used[0]
    assert used[2] is used[1]
    with pytest.raises(Exception, match="closed"):
        used[0].cursor().execute("select 1")


def execute(store: SQLStore, statement: str) -> None:
    """Do to a store what it would not do itself."""
    with store._connection.engine.connect() as connection:
        connection.exec_driver_sql(statement)
