"""Workers of a fresh deployment that make and use one store at the same instant."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from tests.forks import fork
from tests.stores.fixtures import PATIENCE, new_prefix
from tests.stores.samples import LIFE, NOW, denial, sid
from tokensession.stores import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Mongo, Postgres
    from tokensession.stores import Connection

WORKERS = 6
NAME = b"n" * 32


def use(store: Connection) -> None:
    """Make what each role of a vendor needs, and use it."""
    revocations, overflow = store.revocations(), store.overflow()
    roles = ["revocations", "overflow"]
    if store.vendor == "SQL":
        roles.append("keys")
    store.create(*roles)
    revocations.deny(denial(1), now=NOW)
    assert revocations.look_up(sid(1), None).denied
    overflow.put(NAME, b"entry", until=NOW + LIFE, now=NOW)
    assert overflow.get(NAME) == b"entry"
    if "keys" in roles:
        store.keys().write(b"document", over=None)
        assert store.keys().read() == b"document"
    store.close()


def start_many(where: str, **options: Any) -> None:
    """Let many processes begin at once."""
    connect(where).revocations()  # imports here what each process would import
    barrier = multiprocessing.get_context("fork").Barrier(WORKERS)

    def work() -> None:
        store = connect(where, timeout=PATIENCE, **options)
        barrier.wait(PATIENCE)
        use(store)

    children = [fork(work) for _ in range(WORKERS)]
    assert all([held() for held in children])  # noqa: C419  # waits for each


def test_sqlite(tmp_path: Path) -> None:
    """None finds the file locked within its time-out."""
    os.close(os.open(tmp_path / "a.db", os.O_CREAT, 0o600))
    start_many(f"sqlite:///{tmp_path}/a.db")


def test_postgresql(postgres: Postgres) -> None:
    """None disturbs another's CREATE TABLE."""
    start_many(postgres.url, prefix=new_prefix())


def test_mongodb(mongo: Mongo) -> None:
    """None disturbs another's indexes and first document."""
    start_many(mongo.url, database=new_prefix())


@pytest.mark.parametrize("role", ["revocations", "overflow", "keys"])
def test_a_locked_file_is_waited_for(tmp_path: Path, role: str) -> None:
    """A locked file is waited for, also where SQLite itself does not wait."""
    file = tmp_path / "a.db"
    os.close(os.open(file, os.O_CREAT, 0o600))
    store = connect(f"sqlite:///{file}", timeout=PATIENCE)
    getattr(store, role)()  # imports what it needs
    with contextlib.closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("create table others (one)")
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(store.create, role)
            sleep(0.2)
            assert not made.done()
            other.execute("COMMIT")
            made.result()
    store.close()
