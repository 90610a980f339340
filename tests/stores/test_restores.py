"""Positions outlive what becomes of a store: who reads along misses nothing that is acknowledged.

After a crash, a restored backup, a second promotion or a restored dump, a store goes on from
another point than the one that its readers saw, and its numbers come again.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis

from tests.forks import fork
from tests.servers import Mongo, Postgres, Standby, Valkey
from tests.stores.fixtures import PATIENCE, new_prefix
from tests.stores.samples import BOB, LIFE, NOW, apply, denial, sid
from tokensession import StoreError
from tokensession.revocation.entries import RevocationEntries
from tokensession.stores import connect
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.stores.mongo import revocation_step
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.redis.revocation import RedisStore
from tokensession.stores.sql import revocation_tables as sqltables
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.collection import Collection

    from tokensession.revocation.store import Position, Store

MANY = 60  # entries: more than any reading gives that goes on from a position


class Follower:
    """What a replica does: it keeps what it hears, and goes on from its position."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.copy = RevocationEntries()
        self._position: Position | None = None
        self.read()

    def read(self) -> int:
        """Read once, and return how many entries that gave."""
        batches = list(self.store.read(self._position))
        self._position = apply(self.copy, batches)
        return sum(len(batch.denied) + len(batch.marks) for batch in batches)

    def has(self, number: int) -> bool:
        """Tell whether it has heard of a denied id."""
        return self.copy.look_up(sid(number), None).denied


def check(store: Store, back_up: Callable[[], None], restore: Callable[[], None]) -> None:
    """Hold that readers miss nothing after a restore, however far writing has come since.

    Args:
        store: An empty store.
        back_up: Keeps what the store holds.
        restore: Brings that back.
    """
    store.deny(denial(1), now=NOW)
    back_up()
    behind = Follower(store)
    for number in range(2, 5):
        store.deny(denial(number), now=NOW)
    ahead = Follower(store)
    for later in (1, 3, 5):  # less than the backup lacked, as much, and more
        restore()
        for number in range(later):
            store.deny(denial(100 * later + number), now=NOW)
        store.mark(BOB, None, now=NOW + later, life=LIFE)
        for follower in (behind, ahead):
            for _ in range(2):
                follower.read()
            assert all(follower.has(100 * later + number) for number in range(later))
            assert follower.copy.look_up(sid(0), BOB).mark == NOW + later + 5
            assert follower.read() == 0
    assert ahead.has(4)  # what the backup lacked is remembered by who had heard of it
    assert not store.look_up(sid(4), None).denied


class TestMemory:
    def test_a_child_goes_its_own_way(self) -> None:
        """The changes of parent and child are told apart, though both count on."""
        store = MemoryStore()
        store.deny(denial(1), now=NOW)
        follower = Follower(store)
        store.deny(denial(2), now=NOW)
        ended = fork(lambda: store.deny(denial(3), now=NOW))
        assert ended()
        follower.read()
        assert follower.has(2)
        assert not follower.has(3)


class TestSQLite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """Give the file of a store."""
        return tmp_path / "revocations.db"

    @pytest.fixture
    def store(self, file: Path) -> Iterator[SQLStore]:
        """Give an empty store."""
        with contextlib.closing(SQLStore(Database(f"sqlite:///{file}"))) as store:
            store.create()
            yield store

    def test_a_file_that_is_copied_back(self, store: SQLStore, file: Path) -> None:
        """A file that is copied over the one in use is followed."""
        kept = file.with_suffix(".kept")

        def restore() -> None:
            copy = shutil.copy(kept, file.with_suffix(".new"))
            Path(copy).replace(file)
            for end in ("-wal", "-shm"):
                Path(f"{file}{end}").unlink(missing_ok=True)

        check(store, lambda: copy_database(file, kept), restore)

    def test_a_backup_that_is_loaded(self, store: SQLStore, file: Path) -> None:
        """Into the file that is in use, as `.restore` does."""
        kept = file.with_suffix(".kept")
        check(store, lambda: copy_database(file, kept), lambda: copy_database(kept, file))

    def test_changes_are_trimmed(self, store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader further behind reads everything, which is as good."""
        monkeypatch.setattr(sqltables, "MAX_CHANGES", 3)
        store = SQLStore(store._connection)
        near, far = Follower(store), Follower(store)
        for number in range(9):
            store.deny(denial(number), now=NOW)
            near.read()
        store.sweep(now=NOW)
        assert far.read() == 9
        store.deny(denial(9), now=NOW)
        assert near.read() == 1
        assert far.read() == 1


def copy_database(source: Path, target: Path) -> None:
    """Copy what a database holds into another one."""
    with (
        contextlib.closing(sqlite3.connect(source)) as held,
        contextlib.closing(sqlite3.connect(target)) as taken,
    ):
        held.backup(taken)


def spend_ids(server: Postgres, number: int) -> None:
    """Let other applications of a server have transactions, which leave nothing."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            f"do $$ begin for n in 1..{number} loop perform pg_current_xact_id(); rollback; "
            "end loop; end $$"
        )


class Nodes:
    """A store of PostgreSQL under one prefix, on several servers."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.prefix = new_prefix()
        self.stack = stack
        self._stores: dict[str, SQLStore] = {}

    def on(self, server: Postgres) -> SQLStore:
        """Return it as it is on a server."""
        store = self._stores.get(server.url)
        if store is None:
            store = SQLStore(Database(server.url, prefix=self.prefix, timeout=PATIENCE))
            self._stores[server.url] = self.stack.enter_context(contextlib.closing(store))
        return store

    def move(self, old: Postgres, new: Postgres) -> None:
        """Move it by a dump."""
        dump = old.tool("pg_dump", "-Fc", "-t", f"{self.prefix}*", "-d")
        new.tool("pg_restore", "--exit-on-error", "-d", text=dump)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """Give a store without a server, and close it."""
    with contextlib.ExitStack() as stack:
        yield Nodes(stack)


class TestPostgreSQL:
    @pytest.mark.parametrize("one", [True, False])
    def test_a_crash(self, slow: None, nodes: Nodes, *, one: bool) -> None:
        """After a crash replicas miss no change, although the server uses lost ids again."""
        with Postgres() as server:
            store = nodes.on(server)
            store.create()
            follower = Follower(store)
            for crash in range(3):
                store.deny(denial(crash), now=NOW)
                spend_ids(server, 20)
                follower.read()
                (server.kill_a_backend if one else server.restart)()
                number = 100 * (crash + 1)
                for sign_out in range(number, number + 5):
                    deny_again(store, sign_out)
                spend_ids(server, 40)
                follower.read()
                assert all(follower.has(sign_out) for sign_out in range(number, number + 5))

    def test_a_dump_of_a_server_that_was_ahead(self, postgres: Postgres, nodes: Nodes) -> None:
        """Nothing new is missed, and each reading after the first gives what has changed."""
        with Postgres() as new:
            check_move(nodes, postgres, new, spent=500)

    def test_a_dump_of_a_server_that_was_behind(self, postgres: Postgres, nodes: Nodes) -> None:
        """Processes follow a store that was moved by a dump of a server that was behind."""
        spend_ids(postgres, 1000)
        with Postgres() as old:
            check_move(nodes, old, postgres, spent=1)

    def test_a_server_that_can_only_be_read(self, postgres: Postgres, nodes: Nodes) -> None:
        """Has no change of its own after a dump: everything is read until it has one."""
        with Postgres() as new:
            nodes.on(postgres).create()
            nodes.on(postgres).deny(denial(1), now=NOW)
            nodes.move(postgres, new)
            with psycopg.connect(new.url.replace("+psycopg", ""), autocommit=True) as admin:
                admin.execute("alter system set default_transaction_read_only = on")
                admin.execute("select pg_reload_conf()")
                follower = Follower(nodes.on(new))
                assert follower.read() == 1
                admin.execute("set default_transaction_read_only = off")
                admin.execute("alter system reset default_transaction_read_only")
                admin.execute("select pg_reload_conf()")
            deny_again(nodes.on(new), 2)
            assert follower.read() == 2
            assert follower.read() == 0

    def test_two_promotions(self, slow: None, nodes: Nodes) -> None:
        """Two standbys that each make a history of their own, with one timeline's number."""
        with Postgres() as primary:
            store = nodes.on(primary)
            store.create()
            store.deny(denial(1), now=NOW)
            with Standby(primary) as first, Standby(primary) as second:
                for standby in (first, second):
                    follower = Follower(nodes.on(standby))
                    assert follower.has(1)
                    with psycopg.connect(standby.url.replace("+psycopg", "")) as connection:
                        connection.execute("select pg_promote(wait => true, wait_seconds => 60)")
                for number in range(10, 15):
                    nodes.on(first).deny(denial(number), now=NOW)
                spend_ids(first, 50)
                follower = Follower(nodes.on(first))
                for number in range(20, 23):
                    nodes.on(second).deny(denial(number), now=NOW)
                spend_ids(second, 100)
                follower.store = nodes.on(second)
                follower.read()
                assert all(follower.has(number) for number in range(20, 23))
                assert follower.read() == 0

    def test_changes_are_trimmed(
        self, postgres: Postgres, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The newest stay, and so few of a dump's that they push none out."""
        monkeypatch.setattr(sqltables, "MAX_CHANGES", 3)
        store = nodes.on(postgres)
        store.create()
        table = store._tables.changes.name
        with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(
                f"insert into {table} select 9000000000 + n, decode(md5(n::text), 'hex') "  # noqa: S608
                "from generate_series(1, 20) n"
            )
            near = Follower(store)
            for number in range(9):
                store.deny(denial(number), now=NOW)
                near.read()
            store.sweep(now=NOW)
            assert admin.execute(f"select count(*) from {table}").fetchone() == (3,)  # noqa: S608
        store.deny(denial(9), now=NOW)
        assert near.read() == 1


@pytest.mark.parametrize("name", ["new_sqlite", "new_postgres"])
def test_an_entry_that_changes_while_it_is_read(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts as it is then: its former state was acknowledged before the reading began."""
    store = request.getfixturevalue(name)()
    follower = Follower(store)
    store.mark(BOB, None, now=NOW, life=LIFE)
    read_page = store._page

    def page_after_a_change(*arguments: Any) -> Any:
        monkeypatch.setattr(store, "_page", read_page)
        store.mark(BOB, None, now=NOW, life=LIFE)
        return read_page(*arguments)

    monkeypatch.setattr(store, "_page", page_after_a_change)
    follower.read()
    assert follower.copy.look_up(sid(0), BOB).mark >= NOW + 5


def deny_again(store: Store, number: int) -> None:
    """Deny an id until that is acknowledged."""
    for _ in range(600):
        with contextlib.suppress(StoreError):
            store.deny(denial(number), now=NOW)
            return
    raise AssertionError("the store does not come back")


def check_move(nodes: Nodes, old: Postgres, new: Postgres, spent: int) -> None:
    """Hold what a move by dump does to those who read along."""
    store = nodes.on(old)
    store.create()
    spend_ids(old, spent)
    store.deny(denial(0), now=NOW)
    stopped = Follower(store)
    for number in range(1, MANY):
        store.deny(denial(number), now=NOW)
    follower = Follower(store)
    nodes.move(old, new)
    moved = nodes.on(new)
    for number in range(1000, 1005):
        moved.deny(denial(number), now=NOW)
    spend_ids(new, 20)
    for one in (stopped, follower):
        one.store = moved
        one.read()
        assert all(one.has(number) for number in (*range(MANY), *range(1000, 1005)))
        assert one.read() == 0
    for number in range(2000, 2005):
        moved.deny(denial(number), now=NOW)
        assert follower.read() == 1
        assert follower.has(number)
    # Before the first write, too.
    again = Nodes(nodes.stack)
    again.on(old).create()
    for number in range(MANY):
        again.on(old).deny(denial(number), now=NOW)
    again.move(old, new)
    late = Follower(again.on(new))
    assert late.copy.denied_count == MANY
    assert late.read() == 0


class TestValkey:
    def test_a_dump_that_is_restored(self, slow: None) -> None:
        """Under a server that starts again on it."""
        with Valkey(durable=False) as server:
            kept = server.folder / "kept.rdb"
            connection = connect(server.url, timeout=30)
            store = connection.revocations()
            store.create()

            def back_up() -> None:
                with redis.Redis.from_url(server.url) as client:
                    client.save()
                shutil.copy(server.folder / "dump.rdb", kept)

            def restore() -> None:
                server.kill()
                shutil.copy(kept, server.folder / "dump.rdb")
                server.start()

            check(store, back_up, restore)
            connection.close()

    def test_a_change_at_the_same_place(self, valkey: Valkey) -> None:
        """A clock that went back gives the id of a change again."""
        connection = connect(valkey.url, prefix=new_prefix(), timeout=30)
        store = connection.revocations()
        store.create()
        assert isinstance(store, RedisStore)
        stream = store._keys[4]
        with redis.Redis.from_url(valkey.url) as client:
            kept = client.dump(stream)
            store.deny(denial(1), now=NOW)
            follower = Follower(store)
            ((last, _),) = client.xrevrange(stream, count=1)
            store.deny(denial(2), now=NOW)
            ((_, fields),) = client.xrevrange(stream, count=1)
            client.restore(stream, 0, kept, replace=True)
            client.xadd(stream, fields, last)
            store.deny(denial(3), now=NOW)
        follower.read()
        assert follower.has(2)
        assert follower.has(3)
        connection.close()


class TestMongo:
    @pytest.mark.parametrize("whole", [True, False])
    def test_collections_that_are_restored(self, mongo: Mongo, *, whole: bool) -> None:
        """Restored collections are followed, of one instant or with some newer documents."""
        with contextlib.closing(MongoDatabase(mongo.url, collection=new_prefix())) as database:
            store = database.revocations()
            store.create()
            documents = documents_of(store)
            kept: list[dict[str, Any]] = []

            def back_up() -> None:
                kept.extend(documents.find({}))
                if not whole:
                    for number in range(3):
                        store.deny(denial(50 + number), now=NOW)
                    kept.extend(documents.find({"kind": "change", "_id": {"$nin": ids(kept)}}))

            def restore() -> None:
                documents.delete_many({})
                documents.insert_many(kept)

            check(store, back_up, restore)

    def test_changes_are_trimmed(self, mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader further behind reads everything."""
        monkeypatch.setattr(revocation_step, "MAX_CHANGES", 3)
        with contextlib.closing(MongoDatabase(mongo.url, collection=new_prefix())) as database:
            store = database.revocations()
            store.create()
            near, far = Follower(store), Follower(store)
            for number in range(9):
                store.deny(denial(number), now=NOW)
            near.read()
            assert documents_of(store).count_documents({"kind": "change"}) == 3
            assert far.read() == 9
            store.deny(denial(9), now=NOW)
            assert near.read() == 1


def documents_of(store: Any) -> Collection[dict[str, Any]]:
    """Return the collection of a store."""
    found: list[Collection[dict[str, Any]]] = []
    store.run(found.append)
    return found[0]


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    """Return the ids of documents."""
    return [document["_id"] for document in documents]
