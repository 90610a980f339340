"""Directories in stores that have transactions: what their steps do with records."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, TypeVar

from tokensession.directory.decision import MOST_ENDED, denial_of
from tokensession.directory.store import Store
from tokensession.revocation.limits import SWEEP_BATCH, SWEEP_MARGIN, SWEPT_BY_A_WRITE
from tokensession.sessions.listing import listed_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokensession.revocation.decision import Denial, Ended
    from tokensession.sessions.listing import Listing, Record
    from tokensession.stores.transactions import TransactionalStore

_Result = TypeVar("_Result")


class Records(Protocol):
    """The records of a directory, within a transaction or on a connection."""

    def put(self, record: Record) -> None:
        """Put a record, in place of one with its id."""
        ...

    def touch(self, record: Record) -> None:
        """Note when a session was seen; see the directory's protocol."""
        ...

    def move(self, former: bytes, record: Record) -> None:
        """Let a record continue one of another id, whose label and provider it takes over."""
        ...

    def remove(self, names: Sequence[bytes]) -> None:
        """Remove the records of listed ids."""
        ...

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
        """Return sessions of a subject that live.

        Args:
            subject: The subject's key.
            now: Unix second.
            after: The start and the listed id of the session after which to begin.
            but: The listed id of a session to leave out.
            skip: How many of the newest to leave out.
            limit: How many to return.
        """
        ...

    def find(self, name: bytes, *, now: int) -> Record | None:
        """Return the session of a listed id, or None where none lives."""
        ...

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        """Return the sessions that live and were signed in with a provider's session."""
        ...

    def count(self) -> int:
        """Return how many records there are."""
        ...

    def sweep(self, *, now: int, limit: int) -> int:
        """Remove up to `limit` records whose end is before `now`; return how many were."""
        ...


class Step(Protocol):
    """A transaction that can end sessions."""

    @property
    def records(self) -> Records:
        """The records."""
        ...

    def end(self, denial: Denial) -> tuple[bytes, ...]:
        """Deny an id and the current one of its chain; return them."""
        ...


def list_session(step: Step, listing: Listing, now: int) -> tuple[Record, ...]:
    """List a session, and return those that were ended because they are beyond the limit."""
    record, records = listing.record, step.records
    if record is None:
        return ()
    records.put(record)
    records.sweep(now=now - SWEEP_MARGIN, limit=SWEPT_BY_A_WRITE)
    if listing.limit is None:
        return ()
    over = records.newest_first(
        record.subject, now=now, but=record.id, skip=listing.limit - 1, limit=MOST_ENDED
    )
    for one in over:
        ids = step.end(denial_of(one))
        records.remove([listed_id(sid) for sid in ids])
    return tuple(over)


class RecordStore(Store, Protocol):
    """A directory beside a store of revocations whose writes are transactions."""

    _revocations: TransactionalStore

    @abstractmethod
    def _run(self, work: Callable[[Records], _Result]) -> _Result:
        """Do something with the records, outside of a transaction."""

    def add(self, listing: Listing, *, now: int) -> Ended:
        return self._revocations.add(listing, now=now)

    def touch(self, record: Record) -> None:
        self._run(lambda records: records.touch(record))

    def sessions(
        self, subject: bytes, *, now: int, after: tuple[int, bytes] | None, limit: int
    ) -> list[Record]:
        return self._run(
            lambda records: records.newest_first(subject, now=now, after=after, limit=limit)
        )

    def find(self, name: bytes, *, now: int) -> Record | None:
        return self._run(lambda records: records.find(name, now=now))

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        return self._run(lambda records: records.of_provider(provider, now=now))

    def count(self) -> int:
        return self._run(lambda records: records.count())

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        return self._run(lambda records: records.sweep(now=now, limit=limit))
