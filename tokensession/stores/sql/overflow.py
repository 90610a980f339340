"""Overflowed states in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tokensession.overflow.store import SWEEP_BATCH, SWEEP_EVERY, SWEEP_MARGIN, Store
from tokensession.stores.connection import Role
from tokensession.stores.sql.database import Database, Messages


class SQLStore(Role[Database], Store):
    """Keeps each entry in its own row; every 16th write removes ended rows.

    Args:
        connection: The database, or its URL or engine.
        options: As for `stores.connect`, with a URL or engine.
    """

    def __init__(self, connection: Database | str | sa.Engine, **options: Any) -> None:
        connection = Database.of(connection, options)
        super().__init__(connection)
        self._says = Messages(f"the overflow store ({connection.dialect}) failed:")
        self._puts = count(1)
        self._table = _Table(connection.prefix, connection.dialect)

    def create(self) -> None:
        self._connection.make_tables(self._says, self._table.metadata)

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        self._rows(self._table.insert, {"name": name, "entry": entry, "until": until})
        if next(self._puts) % SWEEP_EVERY == 0:
            self.sweep(now=now - SWEEP_MARGIN, limit=2 * SWEEP_EVERY)

    def get(self, name: bytes) -> bytes | None:
        select, values = self._table.select, {"key": name}
        entry = self._connection.run(
            self._says, lambda connection: connection.execute(select, values).scalar()
        )
        return bytes(entry) if isinstance(entry, bytes | memoryview) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # the end is absolute
        return self._rows(self._table.keep, {"key": name, "end": until}) == 1

    def delete(self, name: bytes) -> None:
        self._rows(self._table.delete, {"key": name})

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        return self._rows(self._table.sweep, {"now": now, "limit": limit})

    def _rows(self, statement: sa.Executable, values: dict[str, object]) -> int:
        """Run a write, and return the number of rows."""
        return self._connection.run(
            self._says, lambda connection: connection.execute(statement, values).rowcount
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
        # A write whose answer was lost is repeated. Names are digests, so an existing row has the
        # same entry.
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self.insert = insert(table).on_conflict_do_nothing()
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
        if dialect == "postgresql":  # concurrent sweeps share the work
            ended = ended.with_for_update(skip_locked=True)
        self.sweep = sa.delete(table).where(table.c.name.in_(ended.scalar_subquery()))
