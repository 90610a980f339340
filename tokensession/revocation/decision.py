"""The decisions of a revocation list (SPEC section 13). Pure: the caller passes entries and time.

There are three kinds of entry. A denied session id ends one session. A subject's mark ends its
sessions that started at or before it, except one spared id. The instant for everyone ends all
sessions that started at or before it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.errors import Revoked, StoreError

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.sessions.listing import Listing, Record

CLOCK_SKEW: Final = 5  # seconds; the largest difference between two clocks that this design allows
MIN_LEEWAY: Final = 20  # seconds; a session started after revoke_all is dated up to 12 s ahead
# The farthest in seconds that a mark moves ahead of the clock that sets it. A session that starts
# after it, on a clock CLOCK_SKEW behind, is then dated within the minimum leeway.
FARTHEST_MARK: Final = MIN_LEEWAY - 2 * CLOCK_SKEW - 1
NEVER: Final = -1  # no mark, or no instant for everyone; no session starts before 0
_CACHED_SUBJECTS: Final = 4096  # about 300 bytes each


class Entries(NamedTuple):
    """The entries of a list about one session.

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
    """The session that replaces an ended one.

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
        subject: The key of its subject, or None if it has no subject or an unknown one.
        started_at: When the session started, or None if unknown.
        until: Unix second until which the entry must live.
        successor: The session that replaces it, or None.
        life: The longest life of this writer's sessions in seconds after their start, with the
            skew. A store keeps entries as long as the greatest life that a writer has named.
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
        """Return this denial with an end that also fits sessions of this life."""
        start = now if self.started_at is None else self.started_at
        return self._replace(until=max(self.until, start + life))


class Keep(NamedTuple):
    """A session to spare.

    Attributes:
        sid: The session id, 16 bytes.
        started_at: When it started.
    """

    sid: bytes
    started_at: int


class Mark(NamedTuple):
    """The mark of a subject.

    Attributes:
        instant: The mark ends the subject's sessions that started at or before it.
        kept: The session id that the mark spares, or None.
        until: Unix second until which the entry must live.
        revision: Grows with each change of the entry; of two marks with one instant, the greater
            counts.
    """

    instant: int
    kept: bytes | None
    until: int
    revision: int


class Ended(NamedTuple):
    """A store's answer after it has ended a session.

    Attributes:
        denied: The session ids that are now denied: the given one, and the current one of its
            chain.
        everyone: The instant for everyone, or -1.
        mark: The current mark of the successor's subject, or None.
        over: The sessions that were ended because they exceed the directory's limit.
    """

    denied: tuple[bytes, ...]
    everyone: int = NEVER
    mark: Mark | None = None
    over: tuple[Record, ...] = ()


def is_revoked(
    sid: bytes, started_at: int, *, denied: bool, everyone: int, mark: int, kept: bytes | None
) -> bool:
    """Tell whether a session is revoked, by its start.

    The iat does not count, because a host without the news can renew a revoked session.

    Args:
        sid: The session's id.
        started_at: When it started.
        denied: Whether its id is denied.
        everyone: The instant for everyone, or -1.
        mark: The mark of its subject, or -1 if there is no mark or no subject.
        kept: The session id that the mark spares. It protects only from this mark.
    """
    return denied or started_at <= everyone or (started_at <= mark and sid != kept)


def next_mark(mark: Mark | None, everyone: int, keep: Keep | None, now: int, life: int) -> Mark:
    """Return the mark that ends all sessions of a subject but `keep`.

    A mark that is too far ahead stays, so that its subject can still sign in. The spared session is
    replaced in any case; see `check_moved`.

    Args:
        mark: The former mark, or None.
        everyone: The instant for everyone, or -1.
        keep: The session to spare, instead of the former mark's. A session that the former mark has
            ended stays ended, because the caller may not know of that yet.
        now: Unix second.
        life: The longest life of a session in seconds after its start, with the skew.
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
    """Refuse a mark that has not moved, because newer sessions would stay valid.

    Args:
        before: The instant of the former mark, or -1.
        mark: The mark that `next_mark` has made from it.
        now: Unix second.

    Raises:
        StoreError: The mark has not moved.
    """
    if mark.instant == before:
        raise StoreError(
            "the sessions of this subject are revoked more than once a second, so the newest may "
            f"stay valid: repeat the call in {before + 1 - FARTHEST_MARK - now} s"
        )


def replaced(mark: Mark | None, old: bytes, new: bytes) -> Mark | None:
    """Return a mark that spares `new` if it spared `old`, else None."""
    if mark is None or mark.kept != old:
        return None
    return mark._replace(kept=new, revision=mark.revision + 1)


def entries_of(ended: Ended) -> Entries:
    """Return a store's answer as its entries about the successor."""
    return entries_with(ended.everyone, ended.mark)


def entries_with(everyone: int, mark: Mark | None, *, denied: bool = False) -> Entries:
    """Return the entries about a session whose subject has this mark."""
    if mark is None:
        return Entries(denied, everyone)
    return Entries(denied, everyone, mark.instant, mark.kept)


def is_recorded(denial: Denial, new: bytes, found: Entries, current: bytes | None) -> bool:
    """Tell whether the store already records `new` as the continuation of a session.

    A session with a new id has a chain: its first id and its current one. Only the current id of a
    valid session can be replaced. A call that is repeated, because its answer was lost, changes
    nothing.

    Args:
        denial: The id to replace, with the start of its session.
        new: The replacing id, random for each request.
        found: The list's entries about the id to replace.
        current: The current id of the chain that the denied id names. None if there is no chain or
            its current id is denied.

    Raises:
        Revoked: The session has ended, or another id already continues it.
    """
    started_at = 0 if denial.started_at is None else denial.started_at
    if not is_revoked(denial.sid, started_at, **found._asdict()):
        return False
    if found.denied and current == new:
        return True
    raise Revoked("the session was revoked meanwhile, so it cannot get a new id")


def next_everyone(everyone: int, highest: int, now: int) -> int:
    """Return the instant that ends every session started so far.

    Args:
        everyone: The former instant, or -1.
        highest: The greatest mark ever set, or -1. Sessions that started after a mark are dated
            after it.
        now: Unix second.

    Raises:
        StoreError: The instant would be too far ahead for new sessions.
    """
    instant = max(highest + 1, now + 2 * CLOCK_SKEW + 1)
    if instant <= everyone:
        raise StoreError(
            "all sessions are revoked more than once a second, so the newest may stay valid: "
            f"repeat the call in {everyone + 1 - instant} s"
        )
    return instant


def everyone_before(everyone: int, instant: int) -> int:
    """Return the instant that ends exactly the sessions started before `instant`."""
    return max(everyone, instant - 1)


def first_start(entries: Entries, *, now: int, leeway: int) -> int:
    """Return the start of a session that begins now: after all entries that would end it.

    Args:
        entries: The list's entries about everyone and the session's subject.
        now: Unix second.
        leeway: Seconds by which readers accept a token from the future.

    Raises:
        StoreError: Readers would not accept the start.
    """
    start = max(now, entries.everyone + 1, entries.mark + 1)
    if start > now + leeway - CLOCK_SKEW:
        raise StoreError(
            f"revocations are up to {start - now} s ahead of this clock, more than the leeway "
            f"of {leeway} s: compare the clocks of the hosts, or retry after that time"
        )
    return start


@lru_cache(_CACHED_SUBJECTS)
def subject_key(subject: Subject) -> bytes | None:
    """Return the 32-byte key of a subject in the list, or None for no subject.

    It is a digest, so a list contains no names, and a store's alphabet or collation does not
    matter. 42 and "42" are one subject.
    """
    return None if subject is None else sha256(str(subject).encode()).digest()
