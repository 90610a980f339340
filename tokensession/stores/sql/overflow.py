"""Overflowed states in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH, SWEEP_EVERY, SWEEP_MARGIN
from tokensession.stores.sql.database import TIMEOUT, Database
from tokensession.stores.sql.overflow_table import Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine


class SQLStore:
    """Keeps each entry in a row of its own; every 16th write removes rows that have ended.

    Args:
        url: Where, as SQLAlchemy writes it: ``sqlite:///overflow.db`` or
            ``postgresql+psycopg://...``; or an engine.
        prefix: What the name of the table begins with.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: No such database or driver, a database in memory, or a wrong argument.
    """

    largest = MAX_ENTRY

    def __init__(
        self, url: str | Engine, *, prefix: str = "tokensession_", timeout: float = TIMEOUT
    ) -> None:
        self._database = Database(url, store="overflow", prefix=prefix, timeout=timeout)
        self._puts = count(1)
        self._table = Table(prefix, self._database.dialect)

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._database.close()

    def create(self) -> None:
        """Make the table; leave it alone where it is.

        Raises:
            StoreError: It cannot.
        """
        self._database.run(self._create, makes=True)

    def _create(self, connection: Connection) -> None:
        with self._database.transaction(connection):
            self._database.create(connection, self._table.metadata)

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        values = {"name": name, "entry": entry, "until": until}
        self._database.run(lambda connection: connection.execute(self._table.insert, values))
        if next(self._puts) % SWEEP_EVERY == 0:
            self.sweep(now=now - SWEEP_MARGIN, limit=2 * SWEEP_EVERY)

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        values = {"key": name}
        entry = self._database.run(
            lambda connection: connection.execute(self._table.select, values).scalar()
        )
        return bytes(entry) if isinstance(entry, bytes | memoryview) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        values = {"key": name, "end": until}
        kept = self._database.run(
            lambda connection: connection.execute(self._table.keep, values).rowcount
        )
        return kept == 1

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        self._database.run(lambda connection: connection.execute(self._table.delete, {"key": name}))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` entries whose end is before `now`; return how many were.

        Raises:
            StoreError: It could not be done.
        """
        values = {"now": now, "limit": limit}
        return self._database.run(
            lambda connection: connection.execute(self._table.sweep, values).rowcount
        )
