"""What a revocation list decides (SPEC section 13). Pure: entries and time are given.

Three kinds of entry: session ids that are denied; for a subject a mark, at or before which none of
its sessions may have begun, with one session id that the mark spares; and an instant at or before
which no session at all may have begun.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.errors import Revoked, StoreError

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.sessions.listing import Listing, Record

CLOCK_SKEW: Final = 5  # seconds; the largest difference between two clocks for which all this holds
MIN_LEEWAY: Final = 20  # seconds; a session begun after revoke_all is dated up to 12 s ahead
# Seconds that a mark moves ahead of the clock that sets it at the most: a session that begins after
# it on a clock CLOCK_SKEW behind is dated within the least leeway.
FARTHEST_MARK: Final = MIN_LEEWAY - 2 * CLOCK_SKEW - 1
NEVER: Final = -1  # where there is no mark, or no instant for everyone: no session starts before 0
_CACHED_SUBJECTS: Final = 4096  # about 300 bytes each


class Entries(NamedTuple):
    """What a list holds about one session.

    Attributes:
        denied: Whether its session id is denied.
        everyone: The instant for everyone, or -1.
        mark: The mark of its subject, or -1.
        kept: The session id that the mark spares, or None.
    """

    denied: bool = False
    everyone: int = NEVER
    mark: int = NEVER
    kept: bytes | None = None


class Successor(NamedTuple):
    """The session that takes the place of an ended one.

    Attributes:
        sid: Its session id, 16 bytes.
        subject: The key of its subject, or None.
    """

    sid: bytes
    subject: bytes | None


class Denial(NamedTuple):
    """A session id to deny.

    Attributes:
        sid: The session id, 16 bytes.
        subject: The key of its subject, or None where it has none or nobody knows it.
        started_at: When the session began, or None where that is not known.
        until: Unix second until which the entry must live.
        successor: The session that takes its place, or None.
        life: Seconds after its start that a session of this writer can last, with the skew. A
            store keeps entries as long as the greatest life that a writer has named.
        listing: What the directory beside the list does in the same step, or None without one.
    """

    sid: bytes
    subject: bytes | None
    started_at: int | None
    until: int
    successor: Successor | None = None
    life: int = 0
    listing: Listing | None = None

    def lasting(self, life: int, now: int) -> Denial:
        """Return it with an end that fits sessions of this life too."""
        start = now if self.started_at is None else self.started_at
        return self._replace(until=max(self.until, start + life))


class Keep(NamedTuple):
    """A session to spare.

    Attributes:
        sid: The session id, 16 bytes.
        started_at: When it began.
    """

    sid: bytes
    started_at: int


class Mark(NamedTuple):
    """The mark of a subject.

    Attributes:
        instant: At or before it none of the subject's sessions may have begun.
        kept: The session id that it spares, or None.
        until: Unix second until which the entry must live.
        revision: Grows with each change of the entry; of two with one instant the greater counts.
    """

    instant: int
    kept: bytes | None
    until: int
    revision: int


class Ended(NamedTuple):
    """What a store answers once it has ended a session.

    Attributes:
        denied: The session ids that are denied now: the given one, and the current one of its
            chain.
        everyone: The instant for everyone, or -1.
        mark: The mark of the successor's subject as it stands now, or None.
        over: The sessions that were ended because they are beyond the directory's limit.
    """

    denied: tuple[bytes, ...]
    everyone: int = NEVER
    mark: Mark | None = None
    over: tuple[Record, ...] = ()


def is_revoked(
    sid: bytes, started_at: int, *, denied: bool, everyone: int, mark: int, kept: bytes | None
) -> bool:
    """Decide. By the start, never by iat: a node that has not heard may renew what is revoked.

    Args:
        sid: The session's id.
        started_at: When it began.
        denied: Whether its id is denied.
        everyone: The instant for everyone, or -1.
        mark: The mark of its subject; -1 where there is none, or no subject.
        kept: The session id that the mark spares. It shields from this mark alone.
    """
    return denied or started_at <= everyone or (started_at <= mark and sid != kept)


def next_mark(mark: Mark | None, everyone: int, keep: Keep | None, now: int, life: int) -> Mark:
    """Return the mark that ends all sessions of a subject but `keep`.

    A mark that is too far ahead stays, so that its subject can go on signing in. What it spares
    is replaced all the same; see `check_moved`.

    Args:
        mark: The one before it, or None.
        everyone: The instant for everyone, or -1.
        keep: The session to spare, in place of any that the former spared. One that the former
            has ended stays ended: whoever asks may not have heard of that yet.
        now: Unix second.
        life: Seconds after its start that a session can last at the most, with the skew.
    """
    before = NEVER if mark is None else mark.instant
    instant = max(before + 1, everyone + 1, now + CLOCK_SKEW)
    if instant > max(now + FARTHEST_MARK, everyone + 1):
        instant = before
    kept = None if keep is None else keep.sid
    if mark is not None and keep is not None and keep.started_at <= before and kept != mark.kept:
        kept = None
    if mark is None:
        return Mark(instant, kept, instant + life, 1)
    until = max(mark.until, instant + life)
    if (instant, kept, until) == mark[:3]:
        return mark
    return Mark(instant, kept, until, mark.revision + 1)


def check_moved(before: int, mark: Mark, now: int) -> None:
    """Refuse to acknowledge a mark that has not moved: sessions begun since then live on.

    Args:
        before: The instant of the mark before it, or -1.
        mark: The mark that `next_mark` has made of that.
        now: Unix second.

    Raises:
        StoreError: It stands where it stood.
    """
    if mark.instant == before:
        raise StoreError(
            "the sessions of this subject are ended more than once a second, so those begun since "
            f"the last time may live on: repeat the call in {before + 1 - FARTHEST_MARK - now} s"
        )


def replaced(mark: Mark | None, old: bytes, new: bytes) -> Mark | None:
    """Return the mark that spares `new` where it spared `old`; None where it did not."""
    if mark is None or mark.kept != old:
        return None
    return mark._replace(kept=new, revision=mark.revision + 1)


def entries_of(ended: Ended) -> Entries:
    """Return what a store has answered as what it holds about the successor."""
    return entries_with(ended.everyone, ended.mark)


def entries_with(everyone: int, mark: Mark | None, *, denied: bool = False) -> Entries:
    """Return what a list holds about a session whose subject has this mark."""
    if mark is None:
        return Entries(denied, everyone)
    return Entries(denied, everyone, mark.instant, mark.kept)


def is_recorded(denial: Denial, new: bytes, found: Entries, current: bytes | None) -> bool:
    """Decide whether `new` may continue a session, and tell whether the store already says so.

    A session that got a new id has a chain: its first id and its current one. Only the current id
    of a session that has not ended can be replaced. A call that is repeated, because its answer
    was lost, changes nothing.

    Args:
        denial: The id to replace, with the start of its session.
        new: The id that takes its place, drawn once for each request.
        found: What the list holds about the id to replace.
        current: The current id of the chain that the denied id names, or None where there is no
            chain or its current id is denied.

    Raises:
        Revoked: The session has ended, or another id already continues it.
    """
    started_at = 0 if denial.started_at is None else denial.started_at
    if not is_revoked(denial.sid, started_at, **found._asdict()):
        return False
    if found.denied and current == new:
        return True
    raise Revoked("the session was ended meanwhile, so no other id continues it")


def next_everyone(everyone: int, highest: int, now: int) -> int:
    """Return the instant that ends every session begun so far.

    Args:
        everyone: The one before it, or -1.
        highest: The greatest mark ever set, or -1: sessions begun after a mark are dated after it.
        now: Unix second.

    Raises:
        StoreError: It would be further ahead than sessions can be dated after it.
    """
    instant = max(highest + 1, now + 2 * CLOCK_SKEW + 1)
    if instant <= everyone:
        raise StoreError(
            "all sessions are ended more than once a second, so those begun since the last time "
            f"may live on: repeat the call in {everyone + 1 - instant} s"
        )
    return instant


def everyone_before(everyone: int, instant: int) -> int:
    """Return the instant that ends every session begun before `instant`, and no other."""
    return max(everyone, instant - 1)


def first_start(entries: Entries, *, now: int, leeway: int) -> int:
    """Return when a session that begins now is said to have begun: after whatever would end it.

    Args:
        entries: What the list holds about everyone and the session's subject.
        now: Unix second.
        leeway: Seconds by which readers let a token be ahead of them.

    Raises:
        StoreError: Later than readers would accept.
    """
    start = max(now, entries.everyone + 1, entries.mark + 1)
    if start > now + leeway - CLOCK_SKEW:
        raise StoreError(
            f"sessions are revoked up to {start - now} s ahead of this clock, more than the leeway "
            f"of {leeway} s allows: compare the clocks of the hosts, or wait as long"
        )
    return start


@lru_cache(_CACHED_SUBJECTS)
def subject_key(subject: Subject) -> bytes | None:
    """Return the 32 bytes that a subject is listed by, or None for no subject.

    A digest, so that a list names nobody, and that no store's alphabet or collation matters. 42
    and "42" are one subject.
    """
    return None if subject is None else sha256(str(subject).encode()).digest()
