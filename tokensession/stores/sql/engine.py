"""Engines of SQLAlchemy for SQLite in a file and for PostgreSQL, with a limit to each call."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from tokensession.errors import ConfigError
from tokensession.stores.deadline import DEADLINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

_LONGEST_TRANSACTION: Final = 10_000  # milliseconds that a process that hangs can hold a lock
_NO_URL: Final = (
    "url is not one that SQLAlchemy reads: sqlite:///FILE or postgresql://..., where "
    "@ : / # in a password are written %40 %3A %2F %23"
)


def new_engine(url: str | sa.URL, timeout: float) -> Engine:
    """Return an engine, which has not connected yet.

    Args:
        url: As SQLAlchemy reads it; ``postgresql`` and ``postgres`` mean the driver of our extra.
        timeout: Seconds that a call can take at most.

    Raises:
        ConfigError: An invalid URL, a database in memory, or a driver that is not installed.
    """
    parsed = _database_url(url)
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
    if name == "postgresql":
        # First, because SQLAlchemy itself asks a new database some questions.
        event.listen(engine, "connect", _prepare_connection(timeout), insert=True)
    return engine


def sqlite_file(engine: Engine) -> str | None:
    """Return the path of an engine's SQLite file, or None for another database."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    # As SQLAlchemy does when it makes an engine: a relative path holds from then on.
    return os.path.abspath(name)  # noqa: PTH100


def limit(connection: Any, timeout: float) -> contextlib.AbstractContextManager[None]:
    """Limit how long a connection's driver waits; SQLite's driver limits its lock by itself.

    Args:
        connection: As the driver made it.
        timeout: Seconds, after which the block fails with a TimeoutError.
    """
    descriptor = getattr(connection, "fileno", None)
    if descriptor is None or connection.closed:
        return contextlib.nullcontext()
    return DEADLINES.limit(descriptor(), timeout)


def _database_url(url: str | sa.URL) -> sa.URL:
    """Return a URL as SQLAlchemy reads it; for PostgreSQL with the driver of our extra.

    Raises:
        ConfigError: SQLAlchemy cannot read it. Neither the message nor its cause shows a part of
            the URL, which may hold a password.
    """
    parsed = None
    with contextlib.suppress(ArgumentError, ValueError):
        parsed = sa.make_url(url)
    if parsed is None or "@" in (parsed.host or ""):
        raise ConfigError(_NO_URL)
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _prepare_connection(timeout: float) -> Callable[[Any, Any], None]:
    milliseconds = round(timeout * 1000)
    statements = (
        f"SET statement_timeout = {milliseconds}",
        f"SET lock_timeout = {milliseconds}",
        f"SET idle_in_transaction_session_timeout = {_LONGEST_TRANSACTION}",
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
