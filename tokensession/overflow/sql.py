"""Overflowed states in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import os
import re
import weakref
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH, SWEEP_EVERY, SWEEP_MARGIN

try:
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError("SQLStore needs SQLAlchemy: pip install 'tokensession[sql]'") from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine

_TIMEOUT: Final = 2.0  # seconds
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LOCK: Final = 0x746F6B656F  # of those who make the table at once; any number that is ours

_Result = TypeVar("_Result")


class SQLStore:
    """Keeps each entry in a row of its own; every 16th write removes rows that have ended.

    Args:
        url: Where, as SQLAlchemy writes it: ``sqlite:///overflow.db`` or
            ``postgresql+psycopg://...``; or an engine.
        prefix: What the name of the table begins with.
        timeout: Seconds to wait for a connection, a lock or a statement.

    Raises:
        ConfigError: No such database or driver, a database in memory, or a wrong argument.
    """

    largest = MAX_ENTRY

    def __init__(
        self, url: str | Engine, *, prefix: str = "tokensession_", timeout: float = _TIMEOUT
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be above 0 seconds, not {timeout}")
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ConfigError(
                "prefix must be 1 to 40 lower-case letters, digits and _, a letter first"
            )
        engine = _engine(url, timeout) if isinstance(url, str) else url
        if not isinstance(engine, sa.Engine):
            raise ConfigError(f"url must be text or an engine, not {type(url).__name__}")
        if engine.dialect.name not in ("postgresql", "sqlite"):
            raise ConfigError(f"SQLStore knows sqlite and postgresql, not {engine.dialect.name}")
        self._postgresql = engine.dialect.name == "postgresql"
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._puts = count(1)
        self._make_statements(prefix)
        _dispose_after_fork(self._engine)

    def _make_statements(self, prefix: str) -> None:
        self._metadata = sa.MetaData()
        table = sa.Table(
            f"{prefix}overflow",
            self._metadata,
            sa.Column("name", sa.LargeBinary(32), primary_key=True),
            sa.Column("entry", sa.LargeBinary, nullable=False),
            sa.Column("until", sa.BigInteger, nullable=False, index=True),
        )
        name: sa.BindParameter[bytes] = sa.bindparam("key")
        until = sa.bindparam("end", type_=sa.BigInteger)
        greatest = sa.func.greatest if self._postgresql else sa.func.max
        self._insert = sa.insert(table)
        self._select = sa.select(table.c.entry).where(table.c.name == name)
        self._keep = (
            sa.update(table)
            .where(table.c.name == name)
            .values(until=greatest(table.c.until, until))
        )
        self._delete = sa.delete(table).where(table.c.name == name)
        ended = (
            sa.select(table.c.name)
            .where(table.c.until < sa.bindparam("now"))
            .order_by(table.c.until)
            .limit(sa.bindparam("limit"))
        )
        if self._postgresql:  # two that sweep at once share the work
            ended = ended.with_for_update(skip_locked=True)
        self._sweep = sa.delete(table).where(table.c.name.in_(ended.scalar_subquery()))

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._engine.dispose()

    def create(self) -> None:
        """Make the table; leave it alone where it is.

        Raises:
            StoreError: It cannot.
        """
        self._run(self._create)

    def _create(self, connection: Connection) -> None:
        if self._postgresql:  # two that make the same table at once would disturb each other
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
        try:
            self._metadata.create_all(connection)
        finally:
            if self._postgresql:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        values = {"name": name, "entry": entry, "until": until}
        self._run(lambda connection: connection.execute(self._insert, values))
        if next(self._puts) % SWEEP_EVERY == 0:
            self.sweep(now=now - SWEEP_MARGIN, limit=2 * SWEEP_EVERY)

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        values = {"key": name}
        entry = self._run(lambda connection: connection.execute(self._select, values).scalar())
        return bytes(entry) if isinstance(entry, bytes | memoryview) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        values = {"key": name, "end": until}
        kept = self._run(lambda connection: connection.execute(self._keep, values).rowcount)
        return kept == 1

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        self._run(lambda connection: connection.execute(self._delete, {"key": name}))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` entries whose end is before `now`; return how many were.

        Raises:
            StoreError: It could not be done.
        """
        values = {"now": now, "limit": limit}
        return self._run(lambda connection: connection.execute(self._sweep, values).rowcount)

    def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run something on a connection, and once more if that one turns out to be dead."""
        for retries_left in (1, 0):
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                dead = isinstance(error, DBAPIError) and error.connection_invalidated
                if not (dead and retries_left):
                    raise StoreError(self._complaint(error)) from error
        raise AssertionError  # pragma: no cover  # the second turn returns or raises

    def _complaint(self, error: SQLAlchemyError) -> str:
        """Say what went wrong in a line, without the values that were in it."""
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        hint = ""
        if "no such table" in reason or "does not exist" in reason:
            hint = "; make it with create()"
        return f"the overflow store ({self._engine.dialect.name}) failed: {reason}{hint}"


def _engine(url: str, timeout: float) -> Engine:
    name = ""
    try:
        parsed = sa.make_url(url)
        name = parsed.get_backend_name()
        if name == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ConfigError(
                    "a SQLite database in memory is lost with its connection: name a file "
                    "(sqlite:///overflow.db), or use MemoryStore"
                )
            options: dict[str, Any] = {"timeout": timeout}
        else:
            options = {"connect_timeout": max(2, round(timeout))}  # libpq knows no less than 2
            if parsed.get_driver_name().startswith("psycopg"):  # for a host that is gone
                options["tcp_user_timeout"] = round(timeout * 1000)
        engine = sa.create_engine(
            parsed, connect_args=options, pool_timeout=timeout, hide_parameters=True
        )
    except (ArgumentError, NoSuchModuleError) as error:
        # The message must not show a URL, which may have a password.
        raise ConfigError(
            "url is not one that SQLAlchemy reads: sqlite:///FILE or postgresql+psycopg://..."
        ) from error
    except ImportError as error:
        extra = "postgresql" if name == "postgresql" else "sql"
        raise ConfigError(
            f"the driver of this database is missing ({error.name}): "
            f"pip install 'tokensession[{extra}]'"
        ) from error
    event.listen(engine, "connect", _prepare_connection(name, timeout))
    return engine


def _prepare_connection(name: str, timeout: float) -> Callable[[Any, Any], None]:
    statement = (
        "PRAGMA journal_mode=WAL"  # readers and the writer do not wait for each other
        if name == "sqlite"
        else f"SET statement_timeout = {round(timeout * 1000)}"
    )

    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    return prepare


def _dispose_after_fork(engine: Engine) -> None:
    """Let a child make connections of its own, and not write into its parent's."""
    reference = weakref.ref(engine)

    def dispose() -> None:
        found = reference()
        if found is not None:
            found.dispose(close=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=dispose)
