"""What the tests of stores share: a new name for each store, on servers that all tests use."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tokensession import StoreError
from tokensession.stores import Connection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Postgres, Redis, Valkey
    from tokensession.revocation.store import Store

PATIENCE = 60  # seconds; a busy machine is no failure

_numbers = count()
_Role = TypeVar("_Role")


def new_prefix() -> str:
    """Return a name that no other store has."""
    return f"t{next(_numbers)}_"


def new_connection(url: str, *, timeout: float = PATIENCE) -> Connection:
    """Return a connection under a name that no other has."""
    if url.startswith("memory:"):
        return connect(url)
    if url.startswith("mongodb"):
        return connect(url, collection=new_prefix(), timeout=timeout)
    return connect(url, prefix=new_prefix(), timeout=timeout)


def roles(url: str, ask: Callable[[Connection], _Role]) -> Iterator[Callable[[], _Role]]:
    """Give what makes an empty, created role per call, and close all connections."""
    made: list[Connection] = []

    def make() -> _Role:
        connection = new_connection(url)
        made.append(connection)
        role = ask(connection)
        connection.create()
        return role

    yield make
    for connection in made:
        connection.close()


def revocations(url: str) -> Iterator[Callable[[], Store]]:
    """Give what makes an empty store of revocations per call."""
    return roles(url, lambda connection: connection.revocations(may_forget=True))


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process have no descriptor left within the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 64, hard))
    try:
        while True:
            held.append(os.dup(held[0]))
    except OSError as error:
        assert error.errno == errno.EMFILE  # noqa: PT017  # of all others
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in held:
            os.close(one)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/revocations.db"


@pytest.fixture
def new_sqlite(sqlite_url: str) -> Iterator[Callable[[], Store]]:
    """Make an empty store in a SQLite file per call."""
    yield from revocations(sqlite_url)


@pytest.fixture
def new_postgres(postgres: Postgres) -> Iterator[Callable[[], Store]]:
    """Make an empty store in PostgreSQL per call."""
    yield from revocations(postgres.url)


@pytest.fixture
def new_valkey(valkey: Valkey) -> Iterator[Callable[[], Store]]:
    """Make an empty store in Valkey per call."""
    yield from revocations(valkey.url)


@pytest.fixture
def new_redis(redis_server: Redis) -> Iterator[Callable[[], Store]]:
    """Make an empty store in Redis per call."""
    yield from revocations(redis_server.url)


def retried(call: Callable[[], Any]) -> Any:
    """Return what a call does, on a machine that is too busy for its time-out."""
    deadline = monotonic() + PATIENCE
    while True:
        try:
            return call()
        except StoreError:
            assert monotonic() < deadline
