"""Revocations in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL.

Each row has the position of its write. SQLite has one writer at a time, so a counter suffices.
PostgreSQL has many, and a row's number does not tell when it becomes visible. So the position is
the transaction's id. A reader continues from the oldest transaction that was open at its last
reading, or from its last change if that is earlier.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import StoreError
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


_TRIM_EVERY: Final = 1000  # writes, on average; changes are trimmed by the thousand
_Result = TypeVar("_Result")


class SQLStore(Role[Database], TransactionalStore):
    """Keeps revocations in four tables.

    Args:
        connection: The database, or its URL or engine.
        options: As for `stores.connect`, with a URL or engine.
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
        """Create the tables and their epoch; keep what exists."""
        tables = self._tables.metadata
        self._connection.make_tables(self._says, tables, self._fill, self._is_filled)

    def _is_filled(self, connection: Connection) -> bool:
        row = connection.execute(self._tables.store_row).first()
        return row is not None and checked(row) is not None

    def _fill(self, connection: Connection) -> None:
        connection.execute(self._tables.new_store(secrets.token_hex(8)))
        step = Step(connection, self._tables)  # checks the version of existing tables
        if self._where(connection).position is None:
            step.position()

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        values = {"sid": sid, "subject": subject or b""}
        return entries_of(self._first(self._tables.entry, values))

    def _first(self, query: sa.Executable, values: dict[str, Any] | None = None) -> Any:
        """Return the single row of the store, with joined values."""
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
                    if secrets.randbelow(_TRIM_EVERY) == 0:
                        connection.execute(self._tables.trim_changes)
                return result

        return self._run(write)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        def work(connection: Connection) -> int:
            connection.execute(self._tables.trim_changes)
            return self._sweep(connection, now, limit)

        return self._run(work)

    def _sweep(self, connection: Connection, now: int, limit: int) -> int:
        swept = 0
        for delete in self._tables.sweeps:
            if swept < limit:
                rest = {"now": now, "limit": limit - swept}
                swept += connection.execute(delete, rest).rowcount
        return swept

    def read(self, position: Position | None) -> Iterator[Batch]:
        row = self._run(lambda connection: self._where(connection, position))
        if (
            row.position is None
        ):  # all rows came from a dump, so this server has no change of its own
            with contextlib.suppress(StoreError):  # for example on a standby, which is read-only
                self._write(lambda step: step.position(), None)
                row = self._run(lambda connection: self._where(connection, position))
        since = int(position[0]) if position and row.follows else NEVER
        for table, entry in ((self._tables.denied, denied_in), (self._tables.marks, marks_in)):
            last = b""
            while True:
                query = self._tables.page(table, everything=since == NEVER)
                page = self._page(query, {"since": since, "last": last, "limit": BATCH})
                if not page:
                    break
                yield entry(page)
                last = page[-1][0]
                if len(page) < BATCH:
                    break
        here: Position = (NEVER, NEVER, "")  # no change has this position
        if row.position is not None:
            here = (min(row.settled, row.position + 1), row.position, row.change.hex())
        # The entries for everyone are in the row that was read first.
        yield Batch(
            everyone=seconds(row.everyone),
            highest=seconds(row.highest),
            epoch=row.epoch,
            position=here,
        )

    def _where(self, connection: Connection, position: Position | None = None) -> Any:
        """Return the store's position, and whether it still has the last change of a reader."""
        _, number, change = position or (NEVER, NEVER, "")
        values = {"position": number, "change": bytes.fromhex(str(change))}
        row = checked(connection.execute(self._tables.here, values).first())
        if not isinstance(row.change, bytes | None):  # SQLite accepts any value
            raise StoreError("the revocation store contains an invalid change")
        return row

    def _page(self, query: sa.Select[Any], values: dict[str, Any]) -> list[Any]:
        return self._run(lambda connection: list(connection.execute(query, values)))
