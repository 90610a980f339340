"""Overflowed states in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH, SWEEP_EVERY, SWEEP_MARGIN
from tokensession.stores.connection import connection_of
from tokensession.stores.sql.database import Database, Role

import sqlalchemy as sa  # isort: skip  # after the database, which names a missing extra

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


class SQLStore:
    """Keeps each entry in a row of its own; every 16th write removes rows that have ended.

    Args:
        database: A `Database`, or a URL or an engine for one of its own.
        prefix: Of its own database: what the name of the table begins with.
        timeout: Of its own database: seconds that a call can take at most.

    Raises:
        ConfigError: No such database or driver, a database in memory, or an invalid argument.
    """

    largest = MAX_ENTRY

    def __init__(
        self,
        database: Database | str | Engine,
        *,
        prefix: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._database = connection_of(Database, database, prefix=prefix, timeout=timeout)
        self._role = Role(f"the overflow store ({self._database.dialect}) failed:")
        self._puts = count(1)
        self._table = _Table(self._database.prefix, self._database.dialect)

    def close(self) -> None:
        """Close the idle connections; the next call makes new ones."""
        self._database.close()

    def create(self) -> None:
        """Make the table; leave it alone where it is."""
        self._database.make_tables(self._role, self._table.metadata)

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry."""
        self._rows(self._table.insert, {"name": name, "entry": entry, "until": until})
        if next(self._puts) % SWEEP_EVERY == 0:
            self.sweep(now=now - SWEEP_MARGIN, limit=2 * SWEEP_EVERY)

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None."""
        select, values = self._table.select, {"key": name}
        entry = self._database.run(
            self._role, lambda connection: connection.execute(select, values).scalar()
        )
        return bytes(entry) if isinstance(entry, bytes | memoryview) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Keep an entry longer; False when it is not there."""
        return self._rows(self._table.keep, {"key": name, "end": until}) == 1

    def delete(self, name: bytes) -> None:
        """Remove an entry."""
        self._rows(self._table.delete, {"key": name})

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove entries that ended before `now`."""
        return self._rows(self._table.sweep, {"now": now, "limit": limit})

    def _rows(self, statement: sa.Executable, values: dict[str, object]) -> int:
        """Write, and return how many rows were."""
        return self._database.run(
            self._role, lambda connection: connection.execute(statement, values).rowcount
        )


class _Table:
    """The table and its statements, for one prefix and dialect."""

    def __init__(self, prefix: str, dialect: str) -> None:
        self.metadata = sa.MetaData()
        table = sa.Table(
            f"{prefix}overflow",
            self.metadata,
            sa.Column("name", sa.LargeBinary(32), primary_key=True),
            sa.Column("entry", sa.LargeBinary, nullable=False),
            sa.Column("until", sa.BigInteger, nullable=False, index=True),
        )
        name: sa.BindParameter[bytes] = sa.bindparam("key")
        until = sa.bindparam("end", type_=sa.BigInteger)
        greatest = sa.func.greatest if dialect == "postgresql" else sa.func.max
        self.insert = sa.insert(table)
        self.select = sa.select(table.c.entry).where(table.c.name == name)
        self.keep = (
            sa.update(table)
            .where(table.c.name == name)
            .values(until=greatest(table.c.until, until))
        )
        self.delete = sa.delete(table).where(table.c.name == name)
        ended = (
            sa.select(table.c.name)
            .where(table.c.until < sa.bindparam("now"))
            .order_by(table.c.until)
            .limit(sa.bindparam("limit"))
        )
        if dialect == "postgresql":  # two that sweep at once share the work
            ended = ended.with_for_update(skip_locked=True)
        self.sweep = sa.delete(table).where(table.c.name.in_(ended.scalar_subquery()))
