"""What runs out in a process while a server stalls or hangs: connections, and file descriptors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
import redis
import sqlalchemy as sa

from tests.stores.fixtures import PATIENCE, new_prefix, no_descriptors, retried
from tests.stores.samples import sid
from tokensession import StoreError
from tokensession.stores import Connection, connect
from tokensession.stores.memcached import server as memcached_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Server

CALLS = 24  # at once
CONNECTIONS = 3
NAME = b"n" * 32
WHERE = [
    "postgres", "postgres engine", "valkey", "valkey client", "cluster client", "memcached", "mongo"
]  # fmt: skip

Place = tuple["Server", Connection]


def place(
    kind: str, request: pytest.FixtureRequest, timeout: float, limit: int | None = None
) -> Place:
    """Return a server, and a connection of few connections to it."""
    vendor, _, given = kind.partition(" ")
    server: Any = request.getfixturevalue(vendor)
    prefix = new_prefix()
    if vendor == "mongo":
        url = server.url + (f"&maxPoolSize={limit}" if limit else "")
        return server, connect(url, database=prefix, timeout=timeout)
    where: Any = None if vendor == "cluster" else server.url
    if given == "engine":
        where = sa.create_engine(where, pool_size=limit or 5, max_overflow=0, pool_timeout=timeout)
    elif vendor == "cluster":
        where = server.client(timeout, max_connections=limit)
        server = server.holder("shared")
    elif given == "client":
        where = redis.Redis.from_url(where, max_connections=limit, socket_timeout=timeout)
    elif vendor == "valkey" and limit:
        where += f"?max_connections={limit}"
    return server, connect(where, prefix=prefix, timeout=timeout)


def calls(store: Connection) -> list[Callable[[], object]]:
    """Return a call of each role that the vendor has."""
    revocations, overflow = store.revocations(may_forget=True), store.overflow()
    made: list[Callable[[], object]] = [
        lambda: revocations.look_up(sid(1), None),
        lambda: overflow.get(NAME),
    ]
    if store.vendor in ("SQL", "Redis"):
        keys = store.keys("shared")
        store.create("keys")
        made.append(keys.read)
    store.create()
    return made


@pytest.mark.parametrize("kind", WHERE)
def test_more_calls_than_connections(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait for a connection, and none fails while the server stalls within the time-out."""
    if kind in ("valkey client", "cluster client") and not hasattr(
        redis.exceptions, "MaxConnectionsError"
    ):
        pytest.skip("before redis 6.4 a full pool cannot be told from other errors")
    monkeypatch.setattr(memcached_module, "_MOST", CONNECTIONS)
    server, store = place(kind, request, PATIENCE, CONNECTIONS)
    of_roles = calls(store)
    barrier = Barrier(CALLS + 1)

    def ask(number: int) -> None:
        barrier.wait()
        of_roles[number % len(of_roles)]()

    with ThreadPoolExecutor(CALLS) as pool:
        asked = [pool.submit(ask, number) for number in range(CALLS)]
        server.pause()
        try:
            barrier.wait()
            sleep(0.3)
        finally:
            server.resume()
        for one in asked:
            one.result()
    store.close()


@pytest.mark.parametrize("kind", [kind for kind in WHERE if kind != "cluster client"])
def test_no_descriptor_left(kind: str, request: pytest.FixtureRequest) -> None:
    """A call to a server that hangs fails in time, on a connection that is there and on a new one.

    A server that hangs is what lets connections pile up until a process has no descriptor left.
    """
    server, store = place(kind, request, 0.5)
    of_roles = retried(lambda: calls(store))
    for call in of_roles:
        retried(call)
    server.pause()
    try:
        with no_descriptors():
            for call in of_roles:  # the first one ends the connection
                begun = monotonic()
                with pytest.raises(StoreError):
                    call()
                assert monotonic() - begun < PATIENCE
    finally:
        server.resume()
    for call in of_roles:
        retried(call)
    store.close()
