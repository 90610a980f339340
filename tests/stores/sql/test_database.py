"""Databases that do not answer: each call fails in time."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.servers import Postgres
from tokensession import StoreError
from tokensession.revocation.decision import Denial
from tokensession.stores.connection import MAX_AGE
from tokensession.stores.sql.database import Database, Messages
from tokensession.stores.sql.engine import _connected
from tokensession.stores.sql.keys import SQLKeySource
from tokensession.stores.sql.overflow import SQLStore as OverflowStore
from tokensession.stores.sql.revocation import SQLStore as RevocationStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GENEROUS = 30  # seconds; a call with a timeout of one second ends within these on any machine
NAME = b"n" * 32
READY = b"Z\0\0\0\5I"  # PostgreSQL's last word to a client that it has let in


def overflow(url: str, timeout: float) -> tuple[Any, Callable[[Any], object]]:
    """Return a store of overflowed states, and a call of it."""
    return OverflowStore(Database(url, timeout=timeout)), lambda store: store.get(NAME)


def revocation(url: str, timeout: float) -> tuple[Any, Callable[[Any], object]]:
    """Return a store of revocations, and a call of it."""
    return RevocationStore(Database(url, timeout=timeout)), lambda store: store.look_up(
        NAME[:16], None
    )


def keys(url: str, timeout: float) -> tuple[Any, Callable[[Any], object]]:
    """Return a source of keys, and a call of it."""
    return Database(url, timeout=timeout).keys(), lambda source: source.read()


STORES = [overflow, revocation]


@pytest.fixture(scope="module")
def own_postgres(slow: None) -> Iterator[Postgres]:
    """Give a server that no other module uses, so that tests can pause it."""
    with Postgres() as server:
        yield server


@contextlib.contextmanager
def paused(server: Postgres) -> Iterator[None]:
    """Let a server hang within the block."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextlib.contextmanager
def silent(behind: Path | None = None) -> Iterator[str]:
    """Give the address of a server that accepts each connection, and says nothing.

    Args:
        behind: The socket of a PostgreSQL that lets clients in for it.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = stack.enter_context(listener.accept()[0])
                    if behind is not None:
                        let_in(client, stack.enter_context(socket.socket(socket.AF_UNIX)), behind)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"postgresql+psycopg://postgres@127.0.0.1:{listener.getsockname()[1]}/postgres"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def let_in(client: socket.socket, server: socket.socket, path: Path) -> None:
    """Give a client's first message to a server, and its answers back until it is ready."""
    server.connect(str(path))
    server.sendall(client.recv(10_000))
    answers = b""
    while not answers.endswith(READY):
        answers += server.recv(10_000)
    client.sendall(answers)


def fails_in_time(call: Callable[[], object]) -> None:
    """Check that a call fails with a StoreError in good time."""
    begun = monotonic()
    with pytest.raises(StoreError, match=r"postgresql.*timeout"):
        call()
    assert monotonic() - begun < GENEROUS


@pytest.mark.parametrize("make", [*STORES, keys])
def test_a_socket_that_stays_silent(make: Callable[..., Any]) -> None:
    """A connection that is accepted and never answered is given up."""
    with silent() as url:
        store, ask = make(url, 1)
        fails_in_time(lambda: ask(store))
        store.close()


@pytest.mark.parametrize("make", [*STORES, keys])
def test_a_server_that_hangs(make: Callable[..., Any], own_postgres: Postgres) -> None:
    """On a connection that it has, and on one that it cannot make; then it goes on by itself."""
    patient, ask = make(own_postgres.url, 60)
    patient.create()
    ask(patient)
    patient.close()
    store, ask = make(own_postgres.url, 1)
    ask(store)
    with paused(own_postgres):
        for _ in range(2):
            fails_in_time(lambda: ask(store))
    store.close()
    patient, ask = make(own_postgres.url, 60)
    ask(patient)
    patient.close()


@pytest.mark.parametrize("make", STORES)
def test_a_server_that_hangs_once_it_has_let_in(
    make: Callable[..., Any], own_postgres: Postgres
) -> None:
    """A server that hangs after it has let a client in fails the first query in time."""
    with silent(own_postgres.folder / ".s.PGSQL.5432") as url:
        store, ask = make(f"{url}?sslmode=disable&gssencmode=disable", 1)
        fails_in_time(lambda: ask(store))
        store.close()


def test_an_old_connection_is_made_anew(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old connection is made anew, as a firewall can have dropped it; a young one is reused."""
    now = [1000.0]
    monkeypatch.setattr("sqlalchemy.pool.base.time", SimpleNamespace(time=lambda: now[0]))
    database = Database(postgres.url, timeout=60)
    query = sa.select(sa.func.pg_backend_pid())
    pids = []
    for seconds in (0, MAX_AGE, 1, 0):
        now[0] += seconds
        pids.append(database.run(Messages(""), lambda one: one.execute(query).scalar()))
    assert pids[0] == pids[1] != pids[2] == pids[3]
    database.close()


def test_every_engine_is_watched() -> None:
    """A new one can lie where a former one lay in memory."""
    for _ in range(100):
        database = Database("postgresql://app@127.0.0.1:1/none")
        assert _connected in list(database.engine.pool.dispatch.connect)
        del database


def test_keys_by_an_engine_whose_server_hangs(own_postgres: Postgres) -> None:
    """A watcher goes on even where an application's own engine has no time-out."""
    engine = sa.create_engine(own_postgres.url)
    source = SQLKeySource(Database(engine))
    source.create()
    assert source.read() is None
    with paused(own_postgres):
        fails_in_time(source.read)
    assert source.read() is None
    engine.dispose()


class TestFileOfSQLite:
    def test_one_that_is_replaced_is_followed(self, tmp_path: Path) -> None:
        """A file that is replaced is followed, because writes to the former one would be lost."""
        store, backup = (
            RevocationStore(Database(f"sqlite:///{tmp_path}/{name}.db")) for name in "ab"
        )
        for one in (store, backup):
            one.create()
            assert not one.look_up(NAME[:16], None).denied
            one.close()  # which leaves no log behind
        store.count()
        (tmp_path / "b.db").replace(tmp_path / "a.db")
        store.deny(Denial(NAME[:16], None, None, 2**31), now=0)
        store.close()
        other = RevocationStore(Database(f"sqlite:///{tmp_path}/a.db"))
        assert other.look_up(NAME[:16], None).denied
        other.close()

    @pytest.mark.parametrize("make", [overflow, revocation])
    def test_one_that_is_deleted_denies(
        self, tmp_path: Path, make: Callable[[str, float], tuple[Any, Callable[[Any], object]]]
    ) -> None:
        """A deleted file fails each call until it is made anew, and a read makes none."""
        store, call = make(f"sqlite:///{tmp_path}/a.db", 60)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"its file is missing: run create\(\)"):
                call(store)
            assert list(tmp_path.iterdir()) == []
            store.create()
            call(store)
            for file in tmp_path.iterdir():
                file.unlink()
        store.close()

    def test_a_relative_path_holds_from_the_beginning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that goes to another folder later keeps its file."""
        monkeypatch.chdir(tmp_path)
        store = RevocationStore(Database("sqlite:///a.db"))
        store.create()
        monkeypatch.chdir("/")
        assert not store.look_up(NAME[:16], None).denied
        store.close()


def test_threads_at_once_on_a_new_file_leave_no_connection_open(tmp_path: Path) -> None:
    """One of them turns to the file; a second turn would lose what the others have opened."""
    opened, closed = [], []
    for number in range(20):
        database = Database(f"sqlite:///{tmp_path}/{number}.db")
        sa.event.listen(database.engine, "connect", lambda one, _: opened.append(one))
        sa.event.listen(database.engine, "close", lambda one, _: closed.append(one))
        store = database.overflow()
        database.create()
        start = threading.Barrier(8)

        def ask(store: Any = store, start: threading.Barrier = start) -> None:
            start.wait()
            store.get(NAME)

        with ThreadPoolExecutor(8) as pool:
            for waiting in [pool.submit(ask) for _ in range(8)]:
                waiting.result()
        database.close()
    assert opened
    assert len(opened) == len(closed)
