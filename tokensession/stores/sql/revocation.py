"""Revocations in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL.

Positions are given so that none is ever overtaken. SQLite has one writer at a time, so a counter
does. PostgreSQL has many, and the number that a row was given says nothing about when it can be
seen; so rows carry their transaction's id, and a reader goes on from the oldest transaction that
was still open when it last looked.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.revocation.decision import NEVER, Entries
from tokensession.revocation.limits import BATCH, SWEEP_BATCH, SWEEP_MARGIN, SWEPT_BY_A_WRITE
from tokensession.revocation.store import Batch, Capabilities, Counts, Position
from tokensession.stores.connection import Role
from tokensession.stores.sql.database import Database, Messages
from tokensession.stores.sql.revocation_rows import (
    checked,
    denied_in,
    entries_of,
    marks_in,
    seconds,
)
from tokensession.stores.sql.revocation_step import Step
from tokensession.stores.sql.revocation_tables import Tables
from tokensession.stores.transactions import TransactionalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection


_Result = TypeVar("_Result")


class SQLStore(Role[Database], TransactionalStore):
    """Keeps revocations in three tables.

    Args:
        connection: The database, or its URL or client.
        options: As for `stores.connect`, beside a URL or client.
    """

    def __init__(self, connection: Database | str | sa.Engine, **options: Any) -> None:
        connection = Database.of(connection, options)
        super().__init__(connection)
        self._says = Messages(f"the revocation store ({connection.dialect}) failed:")
        self._tables = Tables(connection.prefix, connection.dialect)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(durable=True, lists_changes=True)

    def create(self) -> None:
        """Make the tables and their epoch; leave alone what is there."""
        self._connection.make_tables(self._says, self._tables.metadata, self._fill)

    def _fill(self, connection: Connection) -> None:
        connection.execute(self._tables.new_store(secrets.token_hex(8)))
        Step(connection, self._tables)  # checks the version of what was there

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        values = {"sid": sid, "subject": subject or b""}
        return entries_of(self._first(self._tables.entry, values))

    def _first(self, query: sa.Executable, values: dict[str, Any] | None = None) -> Any:
        """Return the one row of the store, with what was joined to it."""
        return checked(self._run(lambda connection: connection.execute(query, values).first()))

    def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        return self._connection.run(self._says, work)

    def count(self) -> Counts:
        row = self._first(self._tables.counts)
        return Counts(row.denied, row.marks)

    def _write(
        self, work: Callable[[Step], _Result], now: int | None, *, lock: bool = True
    ) -> _Result:
        def write(connection: Connection) -> _Result:
            with self._connection.transaction(connection):
                result = work(Step(connection, self._tables, lock=lock))
                if now is not None:
                    self._sweep(connection, now - SWEEP_MARGIN, SWEPT_BY_A_WRITE)
                return result

        return self._run(write)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        return self._run(lambda connection: self._sweep(connection, now, limit))

    def _sweep(self, connection: Connection, now: int, limit: int) -> int:
        swept = 0
        for delete in self._tables.sweeps:
            if swept < limit:
                rest = {"now": now, "limit": limit - swept}
                swept += connection.execute(delete, rest).rowcount
        return swept

    def read(self, position: Position | None) -> Iterator[Batch]:
        row = self._first(self._tables.here)
        since = NEVER
        if position is not None and position[:2] == (row.epoch, row.timeline):
            since = int(position[2])
            if since > row.position:  # it went back, as a restored database does
                since = NEVER
        for table, entry in ((self._tables.denied, denied_in), (self._tables.marks, marks_in)):
            last = b""
            while True:
                query = self._tables.page(table)
                page = self._page(query, {"since": since, "last": last, "limit": BATCH})
                if not page:
                    break
                yield entry(page)
                last = page[-1][0]
                if len(page) < BATCH:
                    break
        # What is for everyone stands in the row that was read first.
        yield Batch(
            everyone=seconds(row.everyone),
            highest=seconds(row.highest),
            epoch=row.epoch,
            position=(row.epoch, row.timeline, row.position),
        )

    def _page(self, query: sa.Select[Any], values: dict[str, Any]) -> list[Any]:
        return self._run(lambda connection: list(connection.execute(query, values)))
