"""A connection to the wrong server, one that only reads: it is given up, and the call made again.

After a failover behind one address the connections that are there stay where they are.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import pymongo
import pytest
import redis
import sqlalchemy as sa

from tests.servers import Postgres, Redis, Standby, Valkey
from tests.servers.address import Address
from tests.servers.process import free_port
from tests.stores.fixtures import PATIENCE, new_prefix
from tests.stores.samples import ADA, LIFE, NOW, denial, sid
from tokensession import StoreError
from tokensession.stores import connect
from tokensession.stores.mongo.database import MongoDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Mongo
    from tokensession.overflow.store import Store
    from tokensession.stores import Connection

NAME = b"n" * 32
KEYS = "wrong-server"
LATE = NOW + 2**30
POOLED = 4  # connections, all of which turn out to be to the wrong server


@pytest.fixture
def address() -> Iterator[Address]:
    """Give an address that leads nowhere yet."""
    with tempfile.TemporaryDirectory(prefix="ts-") as folder:
        Path(folder).chmod(0o755)
        yield Address(Path(folder) / "s")


@pytest.fixture(params=[Redis, Valkey])
def redis_pair(
    slow: None, address: Address, request: pytest.FixtureRequest
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the URL of an address, and what makes another server its primary."""
    ports = [free_port(), free_port()]
    one, other = (
        request.param(
            ("--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
        )
        for port in ports
    )
    with one, other, redis.Redis(port=ports[0]) as old, redis.Redis(port=ports[1]) as new:
        new.replicaof("127.0.0.1", str(ports[0]))
        while new.info("replication")["master_link_status"] != "up":
            sleep(0.02)
        address.lead_to(one.socket)

        def fail_over() -> None:
            old.set("last", "write")  # WAIT waits for the writes of its own connection
            assert old.wait(1, PATIENCE * 1000) == 1
            new.replicaof("NO", "ONE")
            old.replicaof("127.0.0.1", str(ports[1]))
            address.lead_to(other.socket)

        yield f"unix://{address.path}", fail_over


@pytest.fixture
def postgres_pair(postgres: Postgres, address: Address) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the URL of an address that leads to a standby, and what makes it lead to its primary."""
    with Standby(postgres) as standby:
        address.lead_to(standby.folder)
        url = f"postgresql://postgres@/postgres?host={address.path}"
        yield url, lambda: address.lead_to(postgres.folder)


def fill_pool(store: Connection) -> None:
    """Make several connections at once."""
    overflow = store.overflow()
    with ThreadPoolExecutor(POOLED) as pool:
        list(pool.map(overflow.get, [NAME] * POOLED * 8))


def check_each_role(store: Connection, fail_over: Callable[[], None]) -> None:
    """Hold that each role writes after a failover, whose connections are all to the wrong server.

    Args:
        store: A connection with a pool of many, and the document `one` among its keys.
        fail_over: Lets the address lead to another server.
    """
    fail_over()
    assert store.keys(KEYS).write(b"two", over=b"one")
    store.revocations().deny(denial(1), now=NOW)
    store.revocations().mark(ADA, None, now=NOW, life=LIFE)
    overflow = store.overflow()
    overflow.put(NAME, b"entry", until=LATE, now=NOW)
    assert overflow.keep(NAME, until=LATE + 1, now=NOW)
    overflow.delete(NAME)
    assert store.keys(KEYS).read() == b"two"
    assert store.revocations().look_up(sid(1), None).denied
    assert overflow.get(NAME) is None


def prepare(store: Connection) -> None:
    """Make what each role needs."""
    store.create("revocations", "overflow", "keys")
    assert store.keys(KEYS).write(b"one", over=None)


def test_redis(redis_pair: tuple[str, Callable[[], None]]) -> None:
    """By a URL, with a pool of connections to the server that only reads."""
    url, fail_over = redis_pair
    store = connect(url, prefix=new_prefix(), timeout=PATIENCE)
    prepare(store)
    fill_pool(store)
    check_each_role(store, fail_over)
    store.close()


def test_a_client_of_redis(redis_pair: tuple[str, Callable[[], None]]) -> None:
    """A client that the application has made keeps its other connections."""
    url, fail_over = redis_pair
    store = connect(redis.Redis.from_url(url), prefix=new_prefix(), timeout=PATIENCE)
    prepare(store)
    fill_pool(store)
    check_each_role(store, fail_over)
    store.close()


@pytest.mark.parametrize("given", [False, True], ids=["url", "engine"])
def test_postgresql(
    postgres: Postgres, postgres_pair: tuple[str, Callable[[], None]], *, given: bool
) -> None:
    """By a URL, and by an engine that the application has made."""
    url, fail_over = postgres_pair
    prefix = new_prefix()
    primary = connect(postgres.url, prefix=prefix, timeout=PATIENCE)
    prepare(primary)
    primary.overflow().put(NAME, b"entry", until=LATE, now=NOW)
    where = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:")) if given else url
    store = connect(where, prefix=prefix, timeout=PATIENCE)
    while not is_there(store.overflow()):
        sleep(0.02)
    fill_pool(store)
    check_each_role(store, fail_over)
    primary.close()
    store.close()


def is_there(store: Store) -> bool:
    """Tell whether a standby has heard of the entry, and so of all that came before."""
    try:
        return store.get(NAME) is not None
    except StoreError:  # no table yet
        return False


def test_mongodb(mongo: Mongo) -> None:
    """By a URL whose driver does not repeat writes by itself."""
    store = MongoDatabase(f"{mongo.url}&retryWrites=false", database=new_prefix(), timeout=PATIENCE)
    overflow = store.overflow()
    store.create()
    failing = {"failCommands": ["insert"], "errorCode": 10107}
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": failing}
    client: pymongo.MongoClient[dict[str, object]]
    with pymongo.MongoClient(mongo.url) as client:
        client.admin.command(point)
    overflow.put(NAME, b"entry", until=LATE, now=NOW)
    assert overflow.get(NAME) == b"entry"
    store.close()
