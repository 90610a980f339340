"""Revocations in transactional stores: the reads and writes of each transaction."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, TypeVar

from tokensession.revocation import decision
from tokensession.revocation.decision import Denial, Ended, Keep, Mark
from tokensession.revocation.store import Store
from tokensession.sessions.listing import listed_id
from tokensession.stores.records import list_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensession.sessions.listing import Listing
    from tokensession.stores.records import Records

_Result = TypeVar("_Result")


class Transaction(Protocol):
    """An open transaction.

    Attributes:
        everyone: The instant for everyone, or -1.
        highest: The greatest mark ever set, or -1.
        life: The greatest life of a session that any writer has named, in seconds.
        records: The directory beside the list.
    """

    everyone: int
    highest: int
    life: int

    @property
    def records(self) -> Records:
        """The records of the directory beside the list."""
        ...

    def end(self, denial: Denial) -> tuple[bytes, ...]:
        """Deny an id and the current id of its chain; return both."""
        ...

    def continue_as(self, denial: Denial, new: bytes) -> None:
        """Let `new` continue a session, as `decision.is_recorded` decides.

        Raises:
            Revoked: The session has ended, or another id continues it.
        """
        ...

    def mark(self, subject: bytes | None) -> Mark | None:
        """Return the mark of a subject, or None."""
        ...

    def put_mark(self, subject: bytes, mark: Mark) -> None:
        """Write the mark of a subject."""
        ...

    def raise_everyone(self, to: int) -> None:
        """Raise the instant for everyone."""
        ...

    def raise_highest(self, to: int) -> None:
        """Raise the greatest mark ever set."""
        ...

    def raise_life(self, to: int) -> None:
        """Raise the greatest life of a session."""
        ...


class TransactionalStore(Store, Protocol):
    """A store whose writes are transactions."""

    @abstractmethod
    def _write(
        self, work: Callable[[Transaction], _Result], now: int | None, *, lock: bool = True
    ) -> _Result:
        """Do a write in one step, and sweep a few entries.

        Args:
            work: The write.
            now: Unix second; None for no sweep.
            lock: Whether to wait for other writes.
        """

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny the ids, and move the mark, in one transaction."""
        successor = denial.successor
        subject = None if successor is None else successor.subject
        moves = subject is not None and subject == denial.subject
        listing = denial.listing

        def write(step: Transaction) -> Ended:
            ids = step.end(denial.lasting(_life(step, denial.life), now))
            kept = ids if moves else ()
            mark = None if successor is None else _spare(step, subject, kept, successor.sid)
            if listing is None:
                return Ended(ids, step.everyone, mark)
            step.records.remove([listed_id(sid) for sid in ids])
            return Ended(ids, step.everyone, mark, list_session(step, listing, now))

        return self._write(write, now, lock=moves or _ends_others(listing))

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Decide and write in one transaction."""

        def write(step: Transaction) -> Ended:
            step.continue_as(denial.lasting(_life(step, denial.life), now), new)
            mark = _spare(step, denial.subject, (denial.sid,), new)
            if denial.listing is not None and denial.listing.record is not None:
                step.records.move(listed_id(denial.sid), denial.listing.record)
            return Ended((denial.sid,), step.everyone, mark)

        return self._write(write, now)

    def add(self, listing: Listing, *, now: int) -> Ended:
        """List a session that begins in one transaction; see the directory's protocol."""
        subject = None if listing.record is None else listing.record.subject

        def write(step: Transaction) -> Ended:
            over = list_session(step, listing, now)
            return Ended((), step.everyone, step.mark(subject), over)

        return self._write(write, now, lock=_ends_others(listing))

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set the mark in one transaction."""

        def write(step: Transaction) -> tuple[Mark | None, Mark]:
            known, lasting = step.mark(subject), _life(step, life)
            mark = decision.next_mark(known, step.everyone, keep, now, lasting)
            if mark != known:
                step.put_mark(subject, mark)
                step.raise_highest(mark.instant)
            return known, mark

        known, mark = self._write(write, now)
        decision.check_moved(decision.NEVER if known is None else known.instant, mark, now)
        return mark

    def revoke_all(self, *, now: int) -> int:
        """Raise the instant for everyone in one transaction."""
        return self._raise(lambda step: decision.next_everyone(step.everyone, step.highest, now))

    def revoke_before(self, instant: int) -> int:
        """Raise the instant for everyone in one transaction."""
        return self._raise(lambda step: decision.everyone_before(step.everyone, instant))

    def _raise(self, decide: Callable[[Transaction], int]) -> int:
        def write(step: Transaction) -> int:
            everyone = decide(step)
            step.raise_everyone(everyone)
            return everyone

        return self._write(write, None)


def _ends_others(listing: Listing | None) -> bool:
    """Tell whether a step can end sessions beyond the limit, for which steps must take turns."""
    return listing is not None and listing.record is not None and listing.limit is not None


def _life(step: Transaction, named: int) -> int:
    """Return the greatest life that any writer has named, including this one."""
    if named > step.life:
        step.raise_life(named)
    return max(named, step.life)


def _spare(
    step: Transaction, subject: bytes | None, ids: Iterable[bytes], new: bytes
) -> Mark | None:
    """Let a subject's mark spare `new` if it spares one of `ids`; return the mark."""
    mark = step.mark(subject)
    for sid in ids:
        moved = decision.replaced(mark, sid, new)
        if moved is not None and subject is not None:
            step.put_mark(subject, moved)
            return moved
    return mark
