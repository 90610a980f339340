"""Revocations in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL.

Positions are given so that none is ever overtaken. SQLite has one writer at a time, so a counter
does. PostgreSQL has many, and the number that a row was given says nothing about when it can be
seen; so rows carry their transaction's id, and a reader goes on from the oldest transaction that
was still open when it last looked.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Ended, Entries, Mark
from tokensession.revocation.store import (
    BATCH,
    SWEEP_BATCH,
    SWEEP_MARGIN,
    Batch,
    Capabilities,
    Counts,
)
from tokensession.stores.connection import connection_of
from tokensession.stores.sql.database import Database, Role
from tokensession.stores.sql.revocation_rows import (
    checked,
    denied_in,
    entries_of,
    marks_in,
    seconds,
)
from tokensession.stores.sql.revocation_step import Step
from tokensession.stores.sql.revocation_tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Engine

    from tokensession.revocation.decision import Denial, Keep
    from tokensession.revocation.store import Position

_SWEPT_BY_A_WRITE: Final = 16  # entries: more than a write adds, and next to no work

_Result = TypeVar("_Result")


class SQLStore:
    """Keeps revocations in three tables.

    Args:
        database: A `Database`, or a URL or an engine for one of its own.
        prefix: Of its own database: what the names of the tables begin with.
        timeout: Of its own database: seconds that a call can take at most.

    Raises:
        ConfigError: No such database or driver, a database in memory, or an invalid argument.
    """

    capabilities: Capabilities = Capabilities(durable=True, lists_changes=True)

    def __init__(
        self,
        database: Database | str | Engine,
        *,
        prefix: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._database = connection_of(Database, database, prefix=prefix, timeout=timeout)
        self._role = Role(f"the revocation store ({self._database.dialect}) failed:")
        self._tables = Tables(self._database.prefix, self._database.dialect)

    def close(self) -> None:
        """Close the idle connections; the next call makes new ones."""
        self._database.close()

    def create(self) -> None:
        """Make the tables and their epoch; leave alone what is there."""
        self._database.make_tables(self._role, self._tables.metadata, self._fill)

    def _fill(self, connection: Connection) -> None:
        connection.execute(self._tables.new_store(secrets.token_hex(8)))
        Step(connection, self._tables)  # checks the version of what was there

    # -- asking --------------------------------------------------------------------------------

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return the entries of one session, in one round trip."""
        values = {"sid": sid, "subject": subject or b""}
        return entries_of(self._first(self._tables.entry, values))

    def _first(self, query: sa.Executable, values: dict[str, Any] | None = None) -> Any:
        """Return the one row of the store, with what was joined to it."""
        return checked(self._run(lambda connection: connection.execute(query, values).first()))

    def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        return self._database.run(self._role, work)

    def count(self) -> Counts:
        """Count the entries."""
        row = self._first(self._tables.counts)
        return Counts(row.denied, row.marks)

    # -- telling -------------------------------------------------------------------------------

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny a session id and the current one of its chain."""
        successor = denial.successor
        subject = None if successor is None else successor.subject
        moves = subject is not None and subject == denial.subject

        def write(step: Step) -> Ended:
            ids = step.end(denial)
            kept = ids if moves else ()
            mark = None if successor is None else step.move_mark(subject, kept, successor.sid)
            return Ended(tuple(ids), step.everyone, mark)

        return self._write(write, now, lock=moves)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Let `new` continue a session."""

        def write(step: Step) -> Ended:
            step.continue_as(denial, new)
            mark = step.move_mark(denial.subject, (denial.sid,), new)
            return Ended((denial.sid,), step.everyone, mark)

        return self._write(write, now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set the mark of a subject."""

        def write(step: Step) -> Mark:
            mark = decision.next_mark(step.mark(subject), step.everyone, keep, now, life)
            step.put_mark(subject, mark)
            step.raise_highest(mark.instant)
            return mark

        return self._write(write, now)

    def revoke_all(self, *, now: int) -> int:
        """End every session begun so far."""

        def write(step: Step) -> int:
            everyone = decision.next_everyone(step.everyone, step.highest, now)
            step.raise_everyone(everyone)
            return everyone

        return self._write(write, None)

    def revoke_before(self, instant: int) -> int:
        """End every session begun before an instant."""

        def write(step: Step) -> int:
            everyone = decision.everyone_before(step.everyone, instant)
            step.raise_everyone(everyone)
            return everyone

        return self._write(write, None)

    def _write(
        self, work: Callable[[Step], _Result], now: int | None, *, lock: bool = True
    ) -> _Result:
        def write(connection: Connection) -> _Result:
            with self._database.transaction(connection):
                result = work(Step(connection, self._tables, lock=lock))
                if now is not None:
                    self._sweep(connection, now - SWEEP_MARGIN, _SWEPT_BY_A_WRITE)
                return result

        return self._run(write)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove entries that ended before `now`."""
        return self._run(lambda connection: self._sweep(connection, now, limit))

    def _sweep(self, connection: Connection, now: int, limit: int) -> int:
        swept = 0
        for delete in self._tables.sweeps:
            if swept < limit:
                rest = {"now": now, "limit": limit - swept}
                swept += connection.execute(delete, rest).rowcount
        return swept

    # -- reading along -------------------------------------------------------------------------

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give the entries, or the changes after a position."""
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
