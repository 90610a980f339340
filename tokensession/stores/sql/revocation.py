"""Revocations in a SQL database by SQLAlchemy Core: SQLite in a file, or PostgreSQL.

Positions are given so that none is ever overtaken. SQLite has one writer at a time, so a counter
does. PostgreSQL has many, and the number that a row was given says nothing about when it can be
seen; so rows carry their transaction's id, and a reader goes on from the oldest transaction that
was still open when it last looked.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Entries, Mark
from tokensession.revocation.store import (
    BATCH,
    SWEEP_BATCH,
    SWEEP_MARGIN,
    Batch,
    Capabilities,
    Counts,
)
from tokensession.stores.sql.database import TIMEOUT, Database
from tokensession.stores.sql.revocation_tables import VERSION, Tables

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
        url: Where, as SQLAlchemy writes it: ``sqlite:///revocations.db`` or
            ``postgresql+psycopg://...``; or an engine.
        prefix: What the names of the tables begin with.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: No such database or driver, a database in memory, or a wrong argument.
    """

    capabilities: Capabilities = Capabilities(durable=True, lists_changes=True)

    def __init__(
        self, url: str | Engine, *, prefix: str = "tokensession_", timeout: float = TIMEOUT
    ) -> None:
        self._database = Database(url, store="revocation", prefix=prefix, timeout=timeout)
        self._tables = Tables(prefix, self._database.dialect)

    def close(self) -> None:
        """Close the connections that are idle; the next call makes new ones."""
        self._database.close()

    # -- making it -----------------------------------------------------------------------------

    def create(self) -> None:
        """Make the tables and their epoch; leave alone what is there.

        Raises:
            StoreError: It cannot, or what is there is of another version.
        """
        self._database.run(self._create, makes=True)

    def _create(self, connection: Connection) -> None:
        with self._database.transaction(connection):
            self._database.create(connection, self._tables.metadata)
            connection.execute(self._tables.new_store(secrets.token_hex(8)))
            self._store(connection)

    # -- asking --------------------------------------------------------------------------------

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what it holds about one session, in one round trip.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        row = self._first(self._tables.entry, {"sid": sid, "subject": subject or b""})
        mark = NEVER if row.instant is None else _seconds(row.instant)
        return Entries(row.sid is not None, _seconds(row.everyone), mark, row.kept)

    def _first(self, query: sa.Executable, values: dict[str, Any] | None = None) -> Any:
        """Return the one row of the store, with whatever was joined to it."""
        return _checked(
            self._database.run(lambda connection: connection.execute(query, values).first())
        )

    def count(self) -> Counts:
        """Return how many entries it holds.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        row = self._first(self._tables.counts)
        return Counts(row.denied, row.marks)

    # -- telling -------------------------------------------------------------------------------

    def deny(self, denial: Denial, *, now: int) -> None:
        """Deny a session id.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(connection: Connection) -> None:
            self._store(connection)
            self._deny(connection, denial)

        self._write(write, now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> None:
        """Deny a session id and, where its subject's mark spares it, spare `new` instead.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(connection: Connection) -> None:
            self._store(connection, lock=True)
            self._deny(connection, denial)
            if denial.subject is not None:
                known = self._mark(connection, denial.subject)
                mark = decision.replaced(known, denial.sid, new)
                if mark is not None:
                    self._put(connection, denial.subject, mark)

        self._write(write, now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(connection: Connection) -> Mark:
            store = self._store(connection, lock=True)
            known = self._mark(connection, subject)
            mark = decision.next_mark(known, _seconds(store.everyone), keep, now, life)
            self._put(connection, subject, mark)
            connection.execute(self._tables.raise_highest, {"to": mark.instant})
            return mark

        return self._write(write, now)

    def revoke_all(self, *, now: int) -> int:
        """End every session begun so far.

        Raises:
            StoreError: It could not be recorded.
        """
        return self._raise_everyone(
            lambda store: decision.next_everyone(
                _seconds(store.everyone), _seconds(store.highest), now
            )
        )

    def revoke_before(self, instant: int) -> int:
        """End every session begun before an instant.

        Raises:
            StoreError: It could not be recorded.
        """
        return self._raise_everyone(
            lambda store: decision.everyone_before(_seconds(store.everyone), instant)
        )

    def _raise_everyone(self, instant: Callable[[Any], int]) -> int:
        def write(connection: Connection) -> int:
            everyone = instant(self._store(connection, lock=True))
            connection.execute(self._tables.raise_everyone, {"to": everyone})
            return everyone

        return self._write(write, None)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` entries whose end is before `now`.

        Raises:
            StoreError: It could not be done.
        """
        return self._database.run(lambda connection: self._sweep(connection, now, limit))

    def _sweep(self, connection: Connection, now: int, limit: int) -> int:
        swept = 0
        for delete in self._tables.sweeps:
            if swept < limit:
                rest = {"now": now, "limit": limit - swept}
                swept += connection.execute(delete, rest).rowcount
        return swept

    # -- reading along -------------------------------------------------------------------------

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give all that it holds, or what has changed since a position.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        row = self._first(self._tables.here)
        since = NEVER
        if position is not None and position[:2] == (row.epoch, row.timeline):
            since = int(position[2])
            if since > row.position:  # it went back, as a restored database does
                since = NEVER
        for table, entry in ((self._tables.denied, _denied), (self._tables.marks, _marked)):
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
            everyone=_seconds(row.everyone),
            highest=_seconds(row.highest),
            epoch=row.epoch,
            position=(row.epoch, row.timeline, row.position),
        )

    def _page(self, query: sa.Select[Any], values: dict[str, Any]) -> list[Any]:
        return self._database.run(lambda connection: list(connection.execute(query, values)))

    # -- the parts of a transaction ------------------------------------------------------------

    def _store(self, connection: Connection, *, lock: bool = False) -> Any:
        query = self._tables.store_row
        return _checked(connection.execute(query.with_for_update() if lock else query).first())

    def _mark(self, connection: Connection, subject: bytes) -> Mark | None:
        row = connection.execute(self._tables.mark_row, {"subject": subject}).first()
        if row is None:
            return None
        return Mark(_seconds(row.instant), row.kept, _seconds(row.until), _seconds(row.revision))

    def _deny(self, connection: Connection, denial: Denial) -> None:
        position = self._position(connection)
        values = {"sid": denial.sid, "until": denial.until, **position}
        connection.execute(self._tables.put_denied, values)

    def _put(self, connection: Connection, subject: bytes, mark: Mark) -> None:
        position = self._position(connection)
        values = {"subject": subject, **mark._asdict(), **position}
        connection.execute(self._tables.put_mark, values)

    def _position(self, connection: Connection) -> dict[str, Any]:
        return {"position": connection.execute(self._tables.next_position).scalar_one()}

    def _write(self, work: Callable[[Connection], _Result], now: int | None) -> _Result:
        def write(connection: Connection) -> _Result:
            with self._database.transaction(connection):
                result = work(connection)
                if now is not None:
                    self._sweep(connection, now - SWEEP_MARGIN, _SWEPT_BY_A_WRITE)
                return result

        return self._database.run(write)


def _checked(row: Any) -> Any:
    if row is None:
        raise StoreError(
            "the revocation store is empty: what it held is gone, or it was never made; make it "
            "with create(), and end all older sessions if it is a loss (revoke_all)"
        )
    if row.version != VERSION:
        raise StoreError(
            f"the revocation store is of version {row.version!r}; this library knows {VERSION}"
        )
    return row


def _seconds(value: object) -> int:
    if not isinstance(value, int):  # SQLite keeps what it is given, whatever the column's type
        raise StoreError("the revocation store holds something that is no number where one belongs")
    return value


def _denied(rows: list[Any]) -> Batch:
    good = [
        (bytes(sid), until)
        for sid, until in rows
        if isinstance(sid, bytes) and len(sid) == SID_BYTES and isinstance(until, int)
    ]
    return Batch(denied=good, epoch="", skipped=len(rows) - len(good))


def _marked(rows: list[Any]) -> Batch:
    good = [
        (bytes(subject), Mark(instant, kept, until, revision))
        for subject, instant, kept, until, revision in rows
        if isinstance(subject, bytes)
        and all(isinstance(number, int) for number in (instant, until, revision))
    ]
    return Batch(marks=good, epoch="", skipped=len(rows) - len(good))
