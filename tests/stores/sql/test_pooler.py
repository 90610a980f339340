"""PgBouncer in transaction mode in front of PostgreSQL: every role keeps its contract."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.servers import PgBouncer
from tests.stores.fixtures import PATIENCE, new_connection, new_prefix
from tests.stores.keys_contract import KeySourceContract
from tests.stores.samples import LIFE, NOW, denial, sid
from tokensession.stores import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Postgres
    from tokensession.keys.source import KeySource

SESSIONS = 2


@pytest.fixture(scope="module")
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    """Give a pooler with fewer sessions than its clients have connections."""
    with PgBouncer(postgres, sessions=SESSIONS) as server:
        yield server


class TestKeys(KeySourceContract):
    @pytest.fixture
    def source(self, pooler: PgBouncer) -> KeySource:
        """Give a row behind the pooler."""
        connection = new_connection(pooler.url)
        connection.create("keys")
        return connection.keys(new_prefix())


def test_every_role_works_in_many_threads(pooler: PgBouncer) -> None:
    """Their transactions meet in sessions that take turns, and the server keeps none of them.

    Another application that gets such a session finds no settings and no prepared statements.
    """
    store = connect(pooler.url, prefix=new_prefix(), timeout=PATIENCE)
    revocations, overflow = store.revocations(), store.overflow()
    store.create()

    def work(number: int) -> bool:
        old, new, name = sid(number), sid(100 + number), bytes([number]) * 32
        for _ in range(8):  # more often than the driver prepares statements
            revocations.look_up(old, name)
        revocations.replace(denial(number), new, now=NOW)
        revocations.mark(name, None, now=NOW, life=LIFE)
        list(revocations.read(None))
        for _ in range(2):
            overflow.put(name, b"entry", until=NOW + 60, now=NOW)
        return revocations.look_up(old, None).denied and overflow.get(name) == b"entry"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
    assert revocations.count().denied == 16
    for _ in range(SESSIONS * 2):
        with psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as other:
            left = other.execute(
                "select name, setting from pg_settings where source = 'session' and name like "
                "'%timeout' union all select name, statement from pg_prepared_statements"
            ).fetchall()
            assert left == []
    store.close()
