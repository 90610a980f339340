"""What the tests of overflow stores share: a new name for each, on servers that all tests use."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from tokensession.stores.memcached.overflow import MemcachedStore
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.stores.mongo.overflow import MongoStore
from tokensession.stores.redis.overflow import RedisStore
from tokensession.stores.sql.overflow import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Memcached, Mongo, Postgres, Redis, Server, Valkey
    from tokensession.overflow.store import Store

_numbers = count()
PATIENCE = 60  # seconds; a busy machine is no failure


def new_name() -> str:
    """Return a name that no other store has."""
    return f"t{next(_numbers)}_"


def make_store(kind: str, url: str) -> Store:
    """Return a new, created store of one kind at a server."""
    store: Store
    if kind == "memory":
        store = MemoryStore()
    elif kind in ("sqlite", "postgres"):
        store = SQLStore(url, prefix=new_name(), timeout=PATIENCE)
    elif kind == "memcached":
        store = MemcachedStore(url, prefix=new_name(), timeout=PATIENCE)
    elif kind == "mongo":
        store = MongoStore(url, collection=new_name(), timeout=PATIENCE)
    else:
        store = RedisStore(url, prefix=new_name(), timeout=PATIENCE)
    store.create()
    return store


def stores(kind: str, url: str) -> Iterator[Callable[[], Store]]:
    """Give what makes an empty store per call, and close them all."""
    made: list[Store] = []

    def make() -> Store:
        made.append(make_store(kind, url))
        return made[-1]

    yield make
    for store in made:
        close(store)


def close(store: Store) -> None:
    """Close a store, if it is of those that have anything to close."""
    if not isinstance(store, MemoryStore):
        store.close()  # type: ignore[attr-defined]  # not the protocol's


KINDS = ("memory", "sqlite", "postgres", "valkey", "redis_server", "memcached", "mongo")


@pytest.fixture(params=KINDS)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Make an empty store per call, of each kind in turn."""
    kind: str = request.param
    if kind == "memory":
        url = ""
    elif kind == "sqlite":
        url = f"sqlite:///{tmp_path}/overflow.db"
    else:
        server: Postgres | Redis | Valkey | Memcached | Mongo = request.getfixturevalue(kind)
        url = server.url
    yield from stores(kind, url)


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    """Give an empty store of each kind in turn."""
    return new_store()


SERVERS = ("postgres", "valkey", "redis_server", "memcached", "mongo")


@pytest.fixture(params=SERVERS)
def killable(slow: None, request: pytest.FixtureRequest) -> Iterator[tuple[Server, Store]]:
    """Give a server that can be killed, and a store on it, of each kind in turn."""
    from tests.servers import Memcached, Mongo, Postgres, Redis, Valkey  # noqa: PLC0415

    kinds: dict[str, type[Server]] = {
        "postgres": Postgres,
        "valkey": Valkey,
        "redis_server": Redis,
        "memcached": Memcached,
        "mongo": Mongo,
    }
    with kinds[request.param]() as server:
        store = make_store(request.param, server.url)
        yield server, store
        close(store)
