"""SQLite in a file, or PostgreSQL, by SQLAlchemy Core, with a time limit for each call."""

from __future__ import annotations

import contextlib
import os
import re
import weakref
from functools import partial
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import PerProcess, call_in_child
from tokensession.stores.arguments import first_line, timeout_seconds
from tokensession.stores.connection import Connection
from tokensession.stores.sql.engine import (
    begin,
    check_on_disk,
    connected,
    is_busy,
    is_dead,
    is_missing,
    new_engine,
    sqlite_file,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import timedelta

    from sqlalchemy.engine import Engine

    from tokensession.keys.source import KeySource

TIMEOUT: Final = 2.0  # seconds

_WAIT: Final = 0.01  # seconds between two tries with a file that another process has locked

_LOCK: Final = 0x746F6B656E  # of concurrent table creations; an arbitrary number
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")

_Result = TypeVar("_Result")


class Messages(NamedTuple):
    """How messages describe a role."""

    failed: str
    remedy: str = ": run create()"


class Database(Connection):
    """A database, its pool of connections, and the roles that share it.

    Args:
        where: A URL of SQLAlchemy, such as ``sqlite:///sessions.db`` or
            ``postgresql://app@db.example/app``; or an engine.
        prefix: The prefix of the tables' names.
        timeout: The longest time of a call, in seconds or as a timedelta.

    Attributes:
        dialect: ``postgresql`` or ``sqlite``.
        engine: The engine of the connections.

    Raises:
        ConfigError: The database or driver is unknown, the database is in memory, or an argument is
            invalid.
    """

    vendor = "SQL"
    folder = "sql"
    stores = "SQLStore"

    def __init__(
        self,
        where: str | sa.URL | Engine,
        *,
        prefix: str = "tokensession_",
        timeout: float | timedelta = TIMEOUT,
    ) -> None:
        super().__init__()
        seconds = timeout_seconds(timeout)
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError(
                "prefix must be 1 to 40 lower-case letters, digits and _, starting with a letter"
            )
        engine = new_engine(where, seconds) if isinstance(where, str | sa.URL) else where
        if not isinstance(engine, sa.Engine):
            raise ConfigError(f"url must be text or an engine, not {type(where).__name__}")
        check_on_disk(engine.url)
        self.prefix: str = prefix
        self.dialect: str = engine.dialect.name
        if self.dialect not in ("postgresql", "sqlite"):
            raise ConfigError(f"SQL stores support sqlite and postgresql, not {self.dialect}")
        self.engine: Engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        watch(self.engine)
        self._begin = begin(self.dialect, seconds)
        self._made_here = engine is not where
        if self._made_here:
            weakref.finalize(self, self.engine.dispose).atexit = False
        self._timeout = seconds
        self._file = sqlite_file(engine)
        self._identity: tuple[int, int] | None = None  # of the connected file
        self._lock = PerProcess(Lock)  # held while connections to a former file are closed
        self._own_pool = PerProcess(partial(_leave_parents_pool, self.engine, os.getpid()))
        call_in_child(self._own_pool, PerProcess.__call__)

    @property
    def name(self) -> str:
        """The URL without its password and its options, which can contain one."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    def keys(self, key: str = "", *, shared_file: bool = False) -> KeySource:
        options = {"key": key, "shared_file": shared_file}
        source: KeySource = self._role("keys", "SQLKeySource", **options)
        return source

    def close(self) -> None:
        self.engine.dispose()

    def run(self, says: Messages, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run a call on a connection, and again if the connection was dead.

        Args:
            says: The messages.
            work: The call.
        """
        if self._file is not None and not self._follow(self._file):
            raise StoreError(f"{says.failed} its file is missing{says.remedy}")
        return self._run(says, work)

    def make_tables(
        self,
        says: Messages,
        tables: sa.MetaData,
        fill: Callable[[sa.Connection], object] | None = None,
        is_filled: Callable[[sa.Connection], bool] | None = None,
        *,
        private: bool = False,
    ) -> None:
        """Create tables and fill them in the same transaction; keep existing ones.

        Args:
            says: The messages.
            tables: The tables.
            fill: Writes the initial rows.
            is_filled: Tells whether the rows exist. Concurrent processes then wait only for the
                first one.
            private: Whether a new SQLite file is for its owner alone. Its journal is then placed
                where its readers need no write access to the folder.
        """

        def work(connection: sa.Connection) -> None:
            if self.dialect == "sqlite" and self._made_here and not private:
                # Readers and the writer then do not block each other; the file remembers the mode.
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
                if mode != "wal":  # only the first process needs an exclusive lock
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            there = all(map(sa.inspect(connection).has_table, tables.tables))
            if there and (is_filled is None or is_filled(connection)):
                return
            with self.transaction(connection):
                if self.dialect == "postgresql":  # concurrent creations of one table fail
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                tables.create_all(connection)
                if fill is not None:
                    fill(connection)

        if self._file is not None:
            if private:
                # With the mode of a key file; the driver reports errors.
                with contextlib.suppress(OSError, ValueError):
                    os.close(os.open(self._file, os.O_RDONLY | os.O_CREAT, 0o600))
            self._follow(self._file)
        self._run(says, work)

    def _run(self, says: Messages, work: Callable[[sa.Connection], _Result]) -> _Result:
        self._own_pool()
        ends = monotonic() + self._timeout
        again = True
        while True:
            try:
                with connected(self.engine, self._timeout) as connection:
                    return work(connection)
            except (SQLAlchemyError, OSError) as error:
                left = ends - monotonic()
                if is_busy(error) and left > 0:
                    sleep(min(_WAIT, left))
                    continue
                if again and is_dead(error) and left > self._timeout / 2:
                    again = False  # after a restart, the pool's connections are dead
                    continue
                reason = _reason(error)
                remedy = says.remedy if is_missing(error) else ""
                # The traceback of a connection that failed has the password among its locals.
                cause = error if getattr(error, "statement", None) else None
            # Raised outside the except block, so that no chained exception has it.
            raise StoreError(f"{says.failed} {reason}{remedy}") from cause

    def _follow(self, file: str) -> bool:
        """Connect to the current file, and tell whether it exists.

        An open file that was deleted or replaced by a backup still answers. Writes to it would be
        lost to all other processes.
        """
        identity = None
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(file)  # noqa: PTH116  # runs on each request
            identity = status.st_dev, status.st_ino
        if identity != self._identity:
            # One thread at a time: the pool could not close what another thread has taken from it.
            with self._lock():
                if identity != self._identity:
                    self.engine.dispose()
                    self._identity = identity
        return identity is not None

    @contextlib.contextmanager
    def transaction(self, connection: sa.Connection) -> Generator[None]:
        """Run the block as one transaction."""
        connection.exec_driver_sql(self._begin)
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql("ROLLBACK")
            raise


def _leave_parents_pool(engine: Engine, pid: int) -> int:
    """Give a child of process `pid` a pool of its own; keep the parent's connections untouched."""
    here = os.getpid()
    if here != pid:
        engine.dispose(close=False)
    return here


def _reason(error: Exception) -> str:
    """Return an error in one line, without the values of the statement."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return first_line(error.orig)
    if isinstance(error, StatementError):
        return type(error.orig).__name__
    return first_line(error)
