"""What a directory decides. Pure: records, entries and the time are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.revocation.decision import CLOCK_SKEW, Denial, is_revoked
from tokensession.sessions.listing import Listing

if TYPE_CHECKING:
    from tokensession.revocation.decision import Entries
    from tokensession.sessions.listing import Record

# Sessions that one sign-in ends at the most, so that no step takes long. More than one are beyond
# the limit only where it was lowered.
MOST_ENDED: Final = 100


def lives(record: Record, found: Entries, now: int) -> bool:
    """Tell whether a listed session lives.

    Args:
        record: Its record.
        found: What the revocation list holds about it.
        now: Unix second.
    """
    revoked = is_revoked(record.sid, record.started_at, **found._asdict())
    return now < record.ends_at and not revoked


def denial_of(record: Record) -> Denial:
    """Return what ends a listed session and removes its record."""
    until = record.dies_at + CLOCK_SKEW
    return Denial(record.sid, record.subject, record.started_at, until, listing=Listing())
