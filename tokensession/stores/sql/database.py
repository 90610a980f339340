"""SQLite in a file, or PostgreSQL, by SQLAlchemy Core: each call ends within its time."""

from __future__ import annotations

import contextlib
import os
import re
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import call_in_child
from tokensession.stores.arguments import check_timeout, first_line
from tokensession.stores.deadline import DEADLINES

try:
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError("SQLStore needs SQLAlchemy: pip install 'tokensession[sql]'") from _missing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy.engine import Connection, Engine

TIMEOUT: Final = 2.0  # seconds

_LONGEST_TRANSACTION: Final = 10_000  # milliseconds that a process that hangs can hold a lock
_LOCK: Final = 0x746F6B656E  # of those who make tables at once; any number that is ours
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NO_URL: Final = (
    "url is not one that SQLAlchemy reads: sqlite:///FILE or postgresql://..., where "
    "@ : / # in a password are written %40 %3A %2F %23"
)

_Result = TypeVar("_Result")


class Database:
    """A database that the statements of a store run on.

    Args:
        url: Where, as SQLAlchemy writes it; or an engine.
        store: What the store is called in messages.
        prefix: What the names of its tables begin with.
        timeout: Seconds that a call may take at the most.

    Attributes:
        dialect: ``postgresql`` or ``sqlite``.
        engine: What connects to it.

    Raises:
        ConfigError: No such database or driver, a database in memory, or a wrong argument.
    """

    def __init__(self, url: str | Engine, *, store: str, prefix: str, timeout: float) -> None:
        check_timeout(timeout)
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError(
                "prefix must be 1 to 40 lower-case letters, digits and _, a letter first"
            )
        engine = _engine(url, timeout) if isinstance(url, str) else url
        if not isinstance(engine, sa.Engine):
            raise ConfigError(f"url must be text or an engine, not {type(url).__name__}")
        self.dialect: str = engine.dialect.name
        if self.dialect not in ("postgresql", "sqlite"):
            raise ConfigError(f"SQLStore knows sqlite and postgresql, not {self.dialect}")
        self.engine: Engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._store = store
        self._timeout = timeout
        self._file = sqlite_file(engine)
        self._identity: tuple[int, int] | None = None  # of the file that is connected to
        # A child makes connections of its own, and does not write into its parent's.
        call_in_child(self.engine, lambda engine: engine.dispose(close=False))

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self.engine.dispose()

    def run(self, work: Callable[[Connection], _Result], *, makes: bool = False) -> _Result:
        """Run something on a connection, and once more if that one turns out to be dead.

        Args:
            work: What is run.
            makes: Whether it may make the file that SQLite keeps a database in.

        Raises:
            StoreError: It failed, or took too long.
        """
        if self._file is not None:
            self._follow(self._file, makes=makes)
        begun = monotonic()
        while True:
            try:
                with (
                    self.engine.connect() as connection,
                    limit(connection.connection.dbapi_connection, self._timeout),
                ):
                    return work(connection)
            except (SQLAlchemyError, TimeoutError) as error:
                dead = isinstance(error, DBAPIError) and error.connection_invalidated
                if dead and monotonic() - begun < self._timeout / 2:
                    begun -= self._timeout  # once: a restarted server left a pool of dead ones
                    continue
                raise StoreError(self._complaint(error)) from error

    def _follow(self, file: str, *, makes: bool) -> None:
        """See that connections are to the file that is there now, and not to one that was.

        One that was deleted, or replaced by a backup, goes on answering whoever had it open, and
        keeps what they write from all others.

        Raises:
            StoreError: There is none, and it is not to be made.
        """
        identity = None
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(file)  # noqa: PTH116  # each request does this
            identity = status.st_dev, status.st_ino
        if identity is None and not makes:
            raise StoreError(
                f"the {self._store} store (sqlite) failed: its file is not there; make it with "
                "create()"
            )
        if identity != self._identity:
            self.engine.dispose()
            self._identity = identity

    @contextlib.contextmanager
    def transaction(self, connection: Connection) -> Generator[None]:
        """Make one step of all that a block does."""
        # By hand, since SQLite has to be told that it is to write from the beginning.
        connection.exec_driver_sql("BEGIN" if self.dialect == "postgresql" else "BEGIN IMMEDIATE")
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql("ROLLBACK")
            raise

    def create(self, connection: Connection, tables: sa.MetaData) -> None:
        """Make tables, in a transaction; leave alone those that are there."""
        if (
            self.dialect == "postgresql"
        ):  # two that make the same table at once would disturb each other
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        tables.create_all(connection)

    def _complaint(self, error: Exception) -> str:
        """Say what went wrong in a line, without the values that were in it."""
        reason = first_line(getattr(error, "orig", None) or error)
        hint = ""
        if "no such table" in reason or "does not exist" in reason:
            hint = "; make it with create()"
        return f"the {self._store} store ({self.dialect}) failed: {reason}{hint}"


def limit(connection: Any, timeout: float) -> contextlib.AbstractContextManager[None]:
    """Let a connection's driver wait for so long; SQLite's waits for its lock alone.

    Args:
        connection: As the driver made it.
        timeout: Seconds, after which the block fails with a TimeoutError.
    """
    descriptor = getattr(connection, "fileno", None)
    if descriptor is None or connection.closed:
        return contextlib.nullcontext()
    return DEADLINES.limit(descriptor(), timeout)


def sqlite_file(engine: Engine) -> str | None:
    """Return the path of the file that an engine's database is, or None where that is not known."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    # As SQLAlchemy does when it makes an engine: a relative path holds from then on.
    return os.path.abspath(name)  # noqa: PTH100


def database_url(url: str | sa.URL) -> sa.URL:
    """Return a URL as SQLAlchemy reads it; for PostgreSQL with the driver of our extra.

    Raises:
        ConfigError: It is none. Neither its text nor what is behind it shows a part of the URL,
            which may have a password.
    """
    parsed = None
    with contextlib.suppress(ArgumentError, ValueError):
        parsed = sa.make_url(url)
    if parsed is None or "@" in (parsed.host or ""):
        raise ConfigError(_NO_URL)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _engine(url: str, timeout: float) -> Engine:
    parsed = database_url(url)
    name = parsed.get_backend_name()
    if name == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError(
                "a SQLite database in memory is lost with its connection: name a file "
                "(sqlite:///sessions.db), or use MemoryStore"
            )
        options: dict[str, Any] = {"timeout": timeout}
    else:
        options = {"connect_timeout": max(2, round(timeout))}  # libpq knows no less than 2
    engine = None
    try:
        with contextlib.suppress(ArgumentError, NoSuchModuleError, ValueError):
            engine = sa.create_engine(
                parsed, connect_args=options, pool_timeout=timeout, hide_parameters=True
            )
    except ImportError as error:
        extra = "postgresql" if name == "postgresql" else "sql"
        raise ConfigError(
            f"the driver of this database is missing ({error.name}): "
            f"pip install 'tokensession[{extra}]'"
        ) from error
    if engine is None:
        raise ConfigError(_NO_URL)
    # First, as SQLAlchemy itself asks a new database some questions.
    event.listen(engine, "connect", _prepare_connection(name, timeout), insert=True)
    return engine


def _prepare_connection(name: str, timeout: float) -> Callable[[Any, Any], None]:
    milliseconds = round(timeout * 1000)
    statements = (
        ("PRAGMA journal_mode=WAL",)  # readers and the writer do not wait for each other
        if name == "sqlite"
        else (
            f"SET statement_timeout = {milliseconds}",
            f"SET lock_timeout = {milliseconds}",
            f"SET idle_in_transaction_session_timeout = {_LONGEST_TRANSACTION}",
        )
    )

    def prepare(connection: Any, _: Any) -> None:
        try:
            with limit(connection, timeout):
                cursor = connection.cursor()
                for statement in statements:
                    cursor.execute(statement)
                cursor.close()
                connection.commit()
        except BaseException:  # the pool does not know of it yet
            connection.close()
            raise

    return prepare
