"""Engines of SQLAlchemy for SQLite files and PostgreSQL, with a time limit for each call.

Nothing here depends on a server's session: no startup options, lasting settings or named prepared
statements. A pooler in transaction mode gives each transaction another session.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from tokensession.errors import ConfigError, how_to_install
from tokensession.stores.arguments import check_url
from tokensession.stores.connection import MAX_AGE
from tokensession.stores.deadline import DEADLINES

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine import Connection, Engine, ExceptionContext
    from sqlalchemy.pool import Pool

_LONGEST_TRANSACTION: Final = 10_000  # milliseconds that a hung process can hold a lock
_READ_ONLY: Final = "25006"  # PostgreSQL's code for a write on a standby
_NO_TABLE: Final = "42P01"
_NO_URL: Final = (
    "invalid URL for SQLAlchemy: pass sqlite:///FILE or postgresql://..., with options of libpq "
    "alone, and with @ : / # in a password written as %40 %3A %2F %23"
)

# The options of SQLite's file: URIs.
_SQLITE: Final = ("uri", "mode", "cache", "immutable", "nolock", "psow", "vfs")
_SEVERAL: Final = ("host", "port")  # of one PostgreSQL database with several servers

_watched: WeakSet[Pool] = WeakSet()
_here = threading.local()  # its `limit` is that of the thread's current call


def new_engine(url: str | sa.URL, timeout: float) -> Engine:
    """Return a new engine, which has not connected yet.

    Args:
        url: A URL of SQLAlchemy. ``postgresql`` and ``postgres`` mean the driver of our extra.
        timeout: The longest time of a call in seconds.

    Raises:
        ConfigError: The URL is invalid, the database is in memory, or the driver is not installed.
    """
    parsed = _database_url(url)
    name = parsed.get_backend_name()
    _check_query(parsed)
    check_on_disk(parsed)
    if name == "sqlite":
        options: dict[str, Any] = {"timeout": timeout}
    else:
        options = {"connect_timeout": max(2, round(timeout))}  # libpq accepts no less than 2
        if parsed.drivername == "postgresql+psycopg":
            options["prepare_threshold"] = (
                None  # otherwise it prepares a statement that runs five times
            )
            options["client_encoding"] = "utf8"  # of a database in SQL_ASCII, texts were bytes
    engine = None
    try:
        with contextlib.suppress(ArgumentError, NoSuchModuleError, ValueError):
            engine = sa.create_engine(
                parsed, connect_args=options, pool_timeout=timeout, pool_recycle=MAX_AGE,
                hide_parameters=True,
            )  # fmt: skip
    except ImportError as error:
        extra = "postgresql" if name == "postgresql" else "sql"
        raise ConfigError(
            f"the driver of this database is missing ({error.name}): {how_to_install(extra)}"
        ) from error
    if engine is None or not _is_known(engine, parsed):
        raise ConfigError(_NO_URL)
    return engine


def check_on_disk(url: sa.URL) -> None:
    """Refuse a SQLite database in memory, or in a temporary file.

    Raises:
        ConfigError: It would be lost with its connection.
    """
    name, query = url.database or "", url.query
    in_memory = name in ("", ":memory:", "file:") or name.startswith("file::memory:")
    in_memory |= query.get("mode") == "memory" or query.get("vfs") == "memdb"
    if in_memory and url.get_backend_name() == "sqlite":
        raise ConfigError(
            "a SQLite database in memory is lost with its connection: pass a file "
            "(sqlite:///sessions.db), or use MemoryStore"
        )


def _is_known(engine: Engine, url: sa.URL) -> bool:
    """Tell whether the driver knows all options of a URL; psycopg can tell that without I/O."""
    if url.drivername != "postgresql+psycopg":
        return True
    driver: Any = engine.dialect.dbapi
    _, options = engine.dialect.create_connect_args(url)
    texts = {name: value for name, value in options.items() if isinstance(value, str | int)}
    try:
        driver.conninfo.make_conninfo(**texts)
    except driver.Error:
        return False
    return True


def _check_query(url: sa.URL) -> None:
    """Refuse the options of a URL that the driver would ignore, or that contradict `timeout`.

    Raises:
        ConfigError: An option is unknown, occurs twice or is a timeout.
    """
    is_file = url.get_backend_name() == "sqlite"
    known = _SQLITE if (url.database or "").startswith("file:") else ()
    for name, value in url.query.items():
        if name in ("timeout", "connect_timeout"):
            raise ConfigError(f"the URL (not shown) has the option {name}: pass timeout= instead")
        if is_file and name not in known:
            raise ConfigError("the URL (not shown) has an option that SQLite does not have")
        if not isinstance(value, str) and name not in _SEVERAL:
            raise ConfigError("the URL (not shown) has an option twice: write it once")


def watch(engine: Engine) -> None:
    """Limit an engine's new connections, and drop those to a read-only server."""
    # Not by `event.contains`, which confuses a new pool with a former one at the same address.
    if engine.pool not in _watched:
        _watched.add(engine.pool)
        # First, because SQLAlchemy itself queries a new connection.
        event.listen(engine, "connect", _connected, insert=True)
    event.listen(engine, "handle_error", _failed)


def _connected(connection: Any, _: Any) -> None:
    limit = getattr(_here, "limit", None)
    if limit is not None:
        limit(connection)


def _failed(context: ExceptionContext) -> None:
    """Treat a read-only server as gone, because another server takes over its address.

    SQLAlchemy then replaces all connections, which go to the same server.
    """
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def sqlite_file(engine: Engine) -> str | None:
    """Return the path of an engine's SQLite file, or None for another database."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    # As SQLAlchemy does when it creates an engine: this fixes a relative path.
    return os.path.abspath(name)  # noqa: PTH100


@contextlib.contextmanager
def connected(engine: Engine, timeout: float) -> Generator[Connection]:
    """Yield a connection with a time limit for its driver; SQLite limits its lock wait itself.

    Args:
        engine: An engine that was passed to `watch`.
        timeout: Seconds from the time of connection. Then the block fails with a TimeoutError.
    """
    pool = engine.pool
    with contextlib.ExitStack() as questions:  # SQLAlchemy's own queries
        _here.limit = lambda one: questions.enter_context(_limit(one, timeout))
        try:
            connection = engine.connect()
        finally:
            _here.limit = None
    with connection, _limit(connection.connection.dbapi_connection, timeout):
        try:
            yield connection
        finally:
            if engine.pool is not pool and not (connection.closed or connection.invalidated):
                connection.detach()  # the store was closed meanwhile: close the connection too


def _limit(connection: Any, timeout: float) -> contextlib.AbstractContextManager[None]:
    descriptor = getattr(connection, "fileno", None)
    if descriptor is None or connection.closed:
        return contextlib.nullcontext()
    return DEADLINES().limit(descriptor(), timeout)


def begin(dialect: str, timeout: float) -> str:
    """Return the statement that begins a transaction, with settings that end with it."""
    if dialect == "sqlite":
        return "BEGIN IMMEDIATE"  # SQLite must know at the beginning that it will write
    limits = {
        "statement_timeout": round(timeout * 1000),
        "lock_timeout": round(timeout * 1000),
        "idle_in_transaction_session_timeout": _LONGEST_TRANSACTION,
    }
    return "; ".join(["BEGIN", *(f"SET LOCAL {name} = {limits[name]}" for name in limits)])


def is_dead(error: Exception) -> bool:
    """Tell whether a connection is dead, or goes to a read-only server."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def is_missing(error: Exception) -> bool:
    """Tell whether a table is missing, and not the database, a role or a column."""
    driver = getattr(error, "orig", None)
    return getattr(driver, "sqlstate", None) == _NO_TABLE or "no such table" in str(driver)


def is_busy(error: Exception) -> bool:
    """Tell whether SQLite found its file locked, for which it does not always wait."""
    code: int = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _database_url(url: str | sa.URL) -> sa.URL:
    """Return a URL as SQLAlchemy reads it; for PostgreSQL with the driver of our extra.

    Raises:
        ConfigError: The URL is invalid. Neither the message nor its cause shows a part of the URL,
            which can contain a password.
    """
    parsed = None
    if isinstance(url, str):
        check_url(url)
    with contextlib.suppress(ArgumentError, ValueError):
        parsed = sa.make_url(url)
    if parsed is None or "@" in (parsed.host or ""):
        raise ConfigError(_NO_URL)
    password = parsed.query.get("password")
    if isinstance(password, str):  # SQLAlchemy hides it only in its place before the host
        parsed = parsed.difference_update_query(["password"]).set(password=password)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed
