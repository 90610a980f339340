"""SQLite in a file, or PostgreSQL, by SQLAlchemy Core: each call ends within its time."""

from __future__ import annotations

import contextlib
import os
import re
import weakref
from functools import partial
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
    connected,
    is_busy,
    is_dead,
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

_WAIT: Final = 0.01  # seconds before another look at a file that another process has locked

_LOCK: Final = 0x746F6B656E  # of those who make tables at once; any number that is ours
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")

_Result = TypeVar("_Result")


class Messages(NamedTuple):
    """How error messages speak of a role."""

    failed: str
    remedy: str = "; make it with create()"


class Database(Connection):
    """A database, its pool of connections, and the roles that share it.

    Args:
        where: A URL as SQLAlchemy reads it, such as ``sqlite:///sessions.db`` or
            ``postgresql://app@db.example/app``; or an engine.
        prefix: What the names of its tables begin with.
        timeout: Seconds that a call can take at most, or a timedelta.

    Attributes:
        dialect: ``postgresql`` or ``sqlite``.
        engine: The engine that makes connections.

    Raises:
        ConfigError: No such database or driver, a database in memory, or an invalid argument.
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
                "prefix must be 1 to 40 lower-case letters, digits and _, a letter first"
            )
        engine = new_engine(where, seconds) if isinstance(where, str | sa.URL) else where
        if not isinstance(engine, sa.Engine):
            raise ConfigError(f"url must be text or an engine, not {type(where).__name__}")
        self.prefix: str = prefix
        self.dialect: str = engine.dialect.name
        if self.dialect not in ("postgresql", "sqlite"):
            raise ConfigError(f"SQL stores know sqlite and postgresql, not {self.dialect}")
        self.engine: Engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        watch(self.engine)
        self._begin = begin(self.dialect, seconds)
        self._made_here = engine is not where
        if self._made_here:
            weakref.finalize(self, self.engine.dispose).atexit = False
        self._timeout = seconds
        self._file = sqlite_file(engine)
        self._identity: tuple[int, int] | None = None  # of the file that is connected to
        self._own_pool = PerProcess(partial(_leave_parents_pool, self.engine, os.getpid()))
        call_in_child(self._own_pool, PerProcess.__call__)

    @property
    def name(self) -> str:
        """The URL without its password, and without options, which may hold one."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    def keys(self, key: str = "", *, shared_file: bool = False) -> KeySource:
        options = {"key": key, "shared_file": shared_file}
        source: KeySource = self._role("keys", "SQLKeySource", **options)
        return source

    def close(self) -> None:
        self.engine.dispose()

    def run(self, says: Messages, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run something on a connection, and once more if that one turns out to be dead.

        Args:
            says: What the messages say.
            work: What is run.
        """
        if self._file is not None and not self._follow(self._file):
            raise StoreError(f"{says.failed} its file is not there{says.remedy}")
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
        """Make tables, and fill them in the same transaction; leave alone those that are there.

        Args:
            says: What the messages say.
            tables: What is made.
            fill: Writes what the tables begin with.
            is_filled: Tells whether that is there. Processes that start at once then wait for the
                first of them alone.
            private: Whether a new file of SQLite is for its owner alone, and keeps its journal
                where those who can only read it need no write access to its folder.
        """

        def work(connection: sa.Connection) -> None:
            if self.dialect == "sqlite" and self._made_here and not private:
                # Readers and the writer do not wait for each other; the file remembers it.
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
                if mode != "wal":  # only the first process needs the file for itself
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            there = all(map(sa.inspect(connection).has_table, tables.tables))
            if there and (is_filled is None or is_filled(connection)):
                return
            with self.transaction(connection):
                if self.dialect == "postgresql":  # two that make one table disturb each other
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                tables.create_all(connection)
                if fill is not None:
                    fill(connection)

        if self._file is not None:
            if private:
                # With the mode of a key file; the driver reports what is wrong with it.
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
                    again = False  # a restarted server left a pool of dead ones
                    continue
                reason = _reason(error)
                missing = "no such table" in reason or "does not exist" in reason
                remedy = says.remedy if missing else ""
                raise StoreError(f"{says.failed} {reason}{remedy}") from error

    def _follow(self, file: str) -> bool:
        """Connect to the file that is there now, and tell whether there is one.

        A file that was deleted, or replaced by a backup, goes on answering those who had it open,
        and keeps what they write from all others.
        """
        identity = None
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(file)  # noqa: PTH116  # each request does this
            identity = status.st_dev, status.st_ino
        if identity != self._identity:
            self.engine.dispose()
            self._identity = identity
        return identity is not None

    @contextlib.contextmanager
    def transaction(self, connection: sa.Connection) -> Generator[None]:
        """Make one step of all that a block does."""
        connection.exec_driver_sql(self._begin)
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql("ROLLBACK")
            raise


def _leave_parents_pool(engine: Engine, pid: int) -> int:
    """Give a child of process `pid` a pool of its own, and leave its parent's connections alone."""
    here = os.getpid()
    if here != pid:
        engine.dispose(close=False)
    return here


def _reason(error: Exception) -> str:
    """Return what went wrong in a line, without the values of the statement."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return first_line(error.orig)
    if isinstance(error, StatementError):
        return type(error.orig).__name__
    return first_line(error)
