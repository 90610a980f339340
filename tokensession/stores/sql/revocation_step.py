"""One step of the SQL revocation store: the reads and writes of a transaction.

A change of a mark, a chain or the instant for everyone locks the store's row. A sign-out does not,
so it waits for no hung process. A sign-out and a replacement of the same id compete for that id's
key. The first one to deny the id wins; the other one waits and checks again.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tokensession.revocation import decision
from tokensession.revocation.decision import Denial, Mark
from tokensession.revocation.limits import CHANGE_BYTES
from tokensession.stores.sql.directory_rows import DirectoryRows
from tokensession.stores.sql.revocation_rows import checked, entries_of, seconds

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from tokensession.stores.sql.revocation_tables import Tables


class Step:
    """An open transaction."""

    def __init__(self, connection: Connection, tables: Tables, *, lock: bool = False) -> None:
        self._connection = connection
        self._tables = tables
        self._position: int | None = None
        query = tables.store_row.with_for_update() if lock else tables.store_row
        store = checked(connection.execute(query).first())
        self.everyone: int = seconds(store.everyone)
        self.highest: int = seconds(store.highest)
        self.life: int = seconds(store.life)

    @property
    def records(self) -> DirectoryRows:
        """The records of the directory."""
        return DirectoryRows(self._connection, self._tables.directory)

    def end(self, denial: Denial) -> tuple[bytes, ...]:
        sid = denial.sid
        current: bytes = sid
        ended: bytes | None = None
        fresh = False
        while not fresh:
            chain = self._chain(sid)
            current = sid if chain is None else chain.current
            if current == ended:  # it was denied before, and has no next id
                break
            fresh = self._deny(denial, current)
            ended = current
        ids = (sid,) if current == sid else (sid, current)
        for one in ids[:-1] if fresh else ids:
            if not self._deny(denial, one):
                values = {"id": one, "end": denial.until, "at": self.position()}
                self._connection.execute(self._tables.keep_denied, values)
        return ids

    def continue_as(self, denial: Denial, new: bytes) -> None:
        while not self._is_continued(denial, new):
            pass  # another step denied the id meanwhile, which the next check sees

    def _is_continued(self, denial: Denial, new: bytes) -> bool:
        sid = denial.sid
        values = {"sid": sid, "subject": denial.subject or b""}
        found = entries_of(self._connection.execute(self._tables.entry, values).one())
        chain = self._chain(sid)
        current = None if chain is None or chain.ended else chain.current
        if decision.is_recorded(denial, new, found, current):
            return True
        if chain is None:
            return self._deny(denial, sid, first=sid, current=new)
        if not self._deny(denial, sid, first=chain.sid):
            return False
        continued = {"chain": chain.sid, "new": new, "end": denial.until}
        self._connection.execute(self._tables.continue_chain, continued)
        return True

    def mark(self, subject: bytes | None) -> Mark | None:
        if subject is None:
            return None
        row = self._connection.execute(self._tables.mark_row, {"subject": subject}).first()
        if row is None:
            return None
        return Mark(seconds(row.instant), row.kept, seconds(row.until), seconds(row.revision))

    def put_mark(self, subject: bytes, mark: Mark) -> None:
        values = {"subject": subject, **mark._asdict(), "position": self.position()}
        self._connection.execute(self._tables.put_mark, values)

    def raise_everyone(self, to: int) -> None:
        self._connection.execute(self._tables.raise_everyone, {"to": to})

    def raise_highest(self, to: int) -> None:
        self._connection.execute(self._tables.raise_highest, {"to": to})

    def raise_life(self, to: int) -> None:
        self._connection.execute(self._tables.raise_life, {"to": to})

    def _chain(self, sid: bytes) -> Any:
        return self._connection.execute(self._tables.chain, {"sid": sid}).first()

    def _deny(
        self,
        denial: Denial,
        sid: bytes,
        *,
        first: bytes | None = None,
        current: bytes | None = None,
    ) -> bool:
        """Deny an id; return False if it is denied already."""
        values = {"sid": sid, "until": denial.until, "position": self.position()}
        values |= {"first": first, "current": current}
        return self._connection.execute(self._tables.deny, values).first() is not None

    def position(self) -> int:
        """Return the position of this step; the first call appends its change."""
        position = self._position
        if position is None:
            change = {"change": secrets.token_bytes(CHANGE_BYTES)}
            appended = self._connection.execute(self._tables.append_change, change)
            position = self._position = int(appended.scalar_one())
        return position
