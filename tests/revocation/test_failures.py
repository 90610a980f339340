"""Stores that fail: each failure is a StoreError within its time, and passes without a restart."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from tests.revocation.asking import entries
from tests.servers import Postgres, Server, Valkey
from tests.stores.revocation_contract import ADA, NOW, denial, sid
from tokensession import StoreError
from tokensession.revocation.lookup import Lookup
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.stores.redis.revocation import RedisStore
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.revocation import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.revocation.decision import Entries

GENEROUS = 30  # seconds; a call with a timeout of one second ends within these on any machine


def sql_store(url: str, timeout: float) -> SQLStore:
    """Return a store in PostgreSQL."""
    return SQLStore(Database(url, timeout=timeout))


def redis_store(url: str, timeout: float) -> RedisStore:
    """Return a store in Redis."""
    return RedisStore(RedisServer(url, timeout=timeout))


@pytest.mark.parametrize(
    ("kind", "connect"), [(Postgres, sql_store), (Valkey, redis_store)], ids=["postgres", "valkey"]
)
def test_a_server_that_dies_hangs_and_comes_back(
    slow: None, kind: type[Server], connect: Callable[[str, float], Any]
) -> None:
    """Dead or hanging, it fails in time; back again, it works at once, with all that it had."""
    with kind() as server:
        store = connect(server.url, 20)
        store.create()
        store.deny(denial(1), now=NOW)
        server.restart()  # the store's connection is dead, and it does not know
        assert store.look_up(sid(1), ADA).denied
        store.close()
        server.kill()
        with pytest.raises(StoreError, match="failed"):
            store.look_up(sid(1), ADA)
        server.start()
        assert store.look_up(sid(1), ADA).denied
        store.close()
        hasty = connect(server.url, 1)
        assert hasty.look_up(sid(1), ADA).denied
        server.pause()
        calls: list[Callable[[], object]] = [
            lambda: hasty.look_up(sid(1), ADA),  # on a connection that hangs
            lambda: hasty.deny(denial(2), now=NOW),  # on one that cannot be made
        ]
        for call in calls:
            begun = monotonic()
            with pytest.raises(StoreError):
                call()
            assert monotonic() - begun < GENEROUS
        server.resume()
        store.deny(denial(3), now=NOW)
        assert store.look_up(sid(3), ADA).denied
        store.close()
        hasty.close()


def test_whoever_asks_while_it_hangs_need_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has waited for the timeout; the others are told at once, for half a second."""
    now = [1000.0]
    monkeypatch.setattr("tokensession.revocation.lookup.monotonic", lambda: now[0])
    asked = []

    class Hanging(MemoryStore):
        def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
            asked.append(now[0])
            now[0] += 2
            raise StoreError("it did not answer in 2 s")

    lookup = Lookup(Hanging())
    for _ in range(3):
        with pytest.raises(StoreError):
            entries(lookup, sid(1), None)
    assert asked == [1000]
    now[0] += 0.5
    with pytest.raises(StoreError, match="in 2 s"):
        entries(lookup, sid(1), None)
