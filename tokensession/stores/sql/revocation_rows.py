"""Convert rows of the SQL revocation store to entries; report or skip invalid rows."""

from __future__ import annotations

from typing import Any

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation.decision import NEVER, Entries, Mark
from tokensession.revocation.store import Batch
from tokensession.stores.sql.revocation_tables import VERSION


def checked(row: Any) -> Any:
    """Return the valid store row, or raise StoreError."""
    if row is None:
        raise StoreError(
            "the revocation store is empty: it was never created, or lost its entries. Run "
            "create(), and after a loss revoke_all(), which ends all older sessions"
        )
    if row.version != VERSION:
        raise StoreError(
            f"the revocation store has version {row.version!r}: use one of version {VERSION}"
        )
    return row


def entries_of(row: Any) -> Entries:
    """Return the entries of one session."""
    mark = NEVER if row.instant is None else seconds(row.instant)
    return Entries(row.sid is not None, seconds(row.everyone), mark, row.kept)


def seconds(value: object) -> int:
    """Return a valid number of seconds, or raise StoreError."""
    if not isinstance(value, int):  # SQLite accepts any value
        raise StoreError("the revocation store contains an invalid number")
    return value


def denied_in(rows: list[Any]) -> Batch:
    """Return the denied session ids of a page."""
    good = [
        (bytes(sid), until)
        for sid, until in rows
        if isinstance(sid, bytes) and len(sid) == SID_BYTES and isinstance(until, int)
    ]
    return Batch(denied=good, epoch="", skipped=len(rows) - len(good))


def marks_in(rows: list[Any]) -> Batch:
    """Return the marks of a page."""
    good = [
        (bytes(subject), Mark(instant, kept, until, revision))
        for subject, instant, kept, until, revision in rows
        if isinstance(subject, bytes)
        and all(isinstance(number, int) for number in (instant, until, revision))
    ]
    return Batch(marks=good, epoch="", skipped=len(rows) - len(good))
