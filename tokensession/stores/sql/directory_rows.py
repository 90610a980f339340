"""The rows of the SQL directory, on a connection or within its transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.errors import StoreError
from tokensession.revocation.limits import SWEEP_BATCH
from tokensession.sessions.listing import Record
from tokensession.stores.sql.revocation_rows import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

    from tokensession.stores.sql.directory_tables import DirectoryTables


class DirectoryRows:
    """Records as rows; see `tokensession.stores.records.Records`."""

    def __init__(self, connection: Connection, tables: DirectoryTables) -> None:
        self._connection = connection
        self._tables = tables

    def put(self, record: Record) -> None:
        self._connection.execute(self._tables.put, _values(record))

    def touch(self, record: Record) -> None:
        self._connection.execute(self._tables.touch, _values(record))

    def move(self, former: bytes, record: Record) -> None:
        values = {f"new_{name}": value for name, value in _values(record).items()}
        moved = self._connection.execute(self._tables.move, values | {"former": former})
        if moved.rowcount == 0:
            self.touch(record)

    def remove(self, names: Sequence[bytes]) -> None:
        self._connection.execute(self._tables.remove, {"names": names})

    def newest_first(
        self,
        subject: bytes,
        *,
        now: int,
        after: tuple[int, bytes] | None = None,
        but: bytes = b"",
        skip: int = 0,
        limit: int,
    ) -> list[Record]:
        values: dict[str, Any] = {"subject": subject, "skip": skip}
        if after is None:
            return self._records(self._tables.newest_first, values | {"but": but}, now, limit)
        values |= {"start": after[0], "name": after[1]}
        return self._records(self._tables.next_ones, values, now, limit)

    def find(self, name: bytes, *, now: int) -> Record | None:
        found = self._records(self._tables.one, {"name": name, "skip": 0}, now, 1)
        return found[0] if found else None

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        values = {"provider": provider, "skip": 0}
        return self._records(self._tables.of_provider, values, now, SWEEP_BATCH)

    def count(self) -> int:
        return int(self._connection.execute(self._tables.count).scalar_one())

    def sweep(self, *, now: int, limit: int) -> int:
        values = {"now": now, "limit": limit}
        return self._connection.execute(self._tables.sweep, values).rowcount

    def _records(
        self, query: sa.Executable, values: dict[str, Any], now: int, limit: int
    ) -> list[Record]:
        values |= {"now": now, "limit": limit}
        rows = self._connection.execute(query, values).all()
        checked(rows[0] if rows else None)
        return [_record(row) for row in rows if row.id is not None]


def _values(record: Record) -> dict[str, Any]:
    return record._asdict() | {"label": record.label.encode()}


def _record(row: Any) -> Record:
    texts = (row.id, row.sid, row.subject, row.label, row.provider or b"")
    numbers = (row.started_at, row.last_seen, row.ends_at, row.dies_at)
    # SQLite accepts any value in any column.
    if not (
        all(isinstance(text, bytes) for text in texts)
        and all(isinstance(number, int) for number in numbers)
    ):
        raise StoreError("the directory holds a row that is not a record")
    label = row.label.decode(errors="replace")
    return Record(row.id, row.sid, row.subject, *numbers, label, row.provider)
