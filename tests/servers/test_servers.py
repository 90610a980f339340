"""The servers of the tests themselves: they keep what they were told, and none outlives us."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import psycopg
import pymongo
import pytest
import redis
from pymemcache.client.base import Client

from . import Memcached, Mongo, Postgres, Redis, Server, Valkey
from .process import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent

_CHILD = """
import sys, time
from tests.servers import {name}
server = {name}().__enter__()
print(server._process.pid, server.folder, flush=True)
time.sleep(600)
"""


def write_postgres(url: str) -> None:
    """Write a row, committed."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("create table kept (value int)")
        connection.execute("insert into kept values (7)")


def read_postgres(url: str) -> int:
    """Return the row."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("select value from kept").fetchone()
        assert row is not None
        value: int = row[0]
        return value


def write_redis(url: str) -> None:
    """Set a key."""
    with redis.Redis.from_url(url) as client:
        client.set("kept", 7)


def read_redis(url: str) -> int:
    """Return the key."""
    with redis.Redis.from_url(url) as client:
        value: Any = client.get("kept")
        return int(value)


def write_mongo(url: str) -> None:
    """Insert a document, journaled."""
    journaled = pymongo.WriteConcern(w=1, j=True)
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url)
    with client:
        client.get_database("test", write_concern=journaled).kept.insert_one({"value": 7})


def read_mongo(url: str) -> int:
    """Return the document's value."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(url) as client:
        document = client.test.kept.find_one()
        assert document is not None
        value: int = document["value"]
        return value


@pytest.mark.parametrize(
    ("kind", "write", "read"),
    [
        (Postgres, write_postgres, read_postgres),
        (Valkey, write_redis, read_redis),
        (Redis, write_redis, read_redis),
        (Mongo, write_mongo, read_mongo),
    ],
)
def test_a_killed_server_finds_its_data_again(
    kind: type[Server], write: Callable[[str], None], read: Callable[[str], int]
) -> None:
    """What was acknowledged before kill -9 is there after the next start, at the same address."""
    with kind() as server:
        write(server.url)
        server.restart()
        assert read(server.url) == 7
        server.stop()
        server.start()
        assert read(server.url) == 7
    assert not server.folder.exists()


def test_a_killed_memcached_has_forgotten() -> None:
    """It keeps nothing, at the same address."""
    with Memcached() as server:
        with contextlib.closing(Client(str(server.socket))) as client:
            client.set("kept", "7", noreply=False)
            assert client.get("kept") == b"7"
        server.restart()
        with contextlib.closing(Client(str(server.socket))) as client:
            assert client.get("kept") is None


def test_a_paused_server_hangs_and_goes_on() -> None:
    """A paused server does not answer until it is resumed, and can be stopped."""
    with Valkey() as server:
        server.pause()
        with redis.Redis.from_url(server.url, socket_timeout=0.1) as client:
            with pytest.raises(redis.TimeoutError):
                client.ping()
            server.resume()
            assert client.ping()
        server.pause()


def test_a_paused_server_has_stopped_when_that_returns() -> None:
    """None of its threads runs on for a moment, in which it would still answer."""
    with Mongo() as server:
        assert server._process is not None
        threads = Path(f"/proc/{server._process.pid}/task")
        for _ in range(200):
            server.pause()
            stats = [(one / "stat").read_text() for one in threads.iterdir()]
            server.resume()
            assert {stat.rpartition(")")[2].split()[0] for stat in stats} == {"T"}


@pytest.mark.parametrize("name", ["Postgres", "Valkey", "Redis", "Memcached", "Mongo"])
def test_a_server_dies_with_its_parent(name: str) -> None:
    """A server ends with pytest, even if pytest is killed and cannot clean up."""
    child = subprocess.Popen(  # noqa: S603  # our own text
        [sys.executable, "-c", _CHILD.format(name=name)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        pid, folder = child.stdout.readline().split()
    try:
        assert is_running(int(pid))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    deadline = monotonic() + PATIENCE
    while is_running(int(pid)):
        assert monotonic() < deadline
        sleep(0.02)
    subprocess.run(["rm", "-rf", os.fsdecode(folder)], check=True)  # noqa: S603, S607


def is_running(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
