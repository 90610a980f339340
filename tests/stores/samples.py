"""Session ids, subjects and denials for the tests of stores, and what a copy of a store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.revocation.decision import Denial, Entries, Keep, is_revoked, subject_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.revocation.entries import RevocationEntries
    from tokensession.revocation.store import Batch, Position, Store

NOW = 1_785_000_000
LIFE = 28_805
UNTIL = NOW + LIFE
LATE = 2 * LIFE  # seconds after which any entry has ended, however coarse a store's ends are


def sid(number: int) -> bytes:
    """Return a session id."""
    return number.to_bytes(16, "big")


def key(subject: str | int) -> bytes:
    """Return a subject's key."""
    found = subject_key(subject)
    assert found is not None
    return found


ADA, BOB = key("ada"), key("bob")


def spared(number: int, start: int = NOW + LIFE) -> Keep:
    """Return a session to spare, which began after any mark of these tests."""
    return Keep(sid(number), start)


def denial(
    number: int, subject: bytes | None = ADA, *, until: int = UNTIL, start: int = NOW
) -> Denial:
    """Return the denial of a session id."""
    return Denial(sid(number), subject, start, until)


def revokes(found: Entries, session: bytes, start: int) -> bool:
    """Decide by what a store has found."""
    return is_revoked(session, start, **found._asdict())


def apply(copy: RevocationEntries, batches: Iterable[Batch]) -> Position:
    """Apply what a store gives to a copy of it, and return the position to read on from."""
    position: Position | None = None
    for batch in batches:
        for denied, until in batch.denied:
            copy.deny(denied, until)
        for subject, mark in batch.marks:
            copy.put_mark(subject, mark)
        copy.raise_to(everyone=batch.everyone, highest=batch.highest)
        assert batch.skipped == 0

        assert position is None, "only the last batch has a position"
        position = batch.position
    assert position is not None
    return position


def same(copy: RevocationEntries, store: Store, sids: Iterable[bytes]) -> bool:
    """Tell whether a copy says what its store says."""
    return all(
        copy.look_up(one, subject) == store.look_up(one, subject)
        for one in sids
        for subject in (ADA, BOB, None)
    )
