"""The directory in the memory of one process."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tokensession.directory.store import Store
from tokensession.revocation.limits import SWEEP_BATCH

if TYPE_CHECKING:
    from tokensession.revocation.decision import Ended
    from tokensession.revocation.store import Store as RevocationStore
    from tokensession.sessions.listing import Listing, Record
    from tokensession.stores.memory.revocation import MemoryStore as Revocations


class MemoryStore(Store):
    """Keeps records in this process, beside its revocations.

    Args:
        revocations: The store of revocations, which has the records and their lock.
    """

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations

    def is_beside(self, revocations: RevocationStore) -> bool:
        return revocations is self._revocations

    def create(self) -> None:
        """Memory needs no preparation."""

    def add(self, listing: Listing, *, now: int) -> Ended:
        return self._revocations.add(listing, now=now)

    def touch(self, record: Record) -> None:
        with self._revocations.listing() as listed:
            listed.records.touch(record)

    def sessions(
        self, subject: bytes, *, now: int, after: tuple[int, bytes] | None, limit: int
    ) -> list[Record]:
        with self._revocations.listing() as listed:
            found = listed.records.newest_first(subject, after)
            return list(islice((one for one in found if listed.lives(one, now)), limit))

    def find(self, name: bytes, *, now: int) -> Record | None:
        with self._revocations.listing() as listed:
            record = listed.records.get(name)
            return record if record is not None and listed.lives(record, now) else None

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        with self._revocations.listing() as listed:
            found = listed.records.of_provider(provider)
            return [record for record in found if listed.lives(record, now)]

    def count(self) -> int:
        with self._revocations.listing() as listed:
            return len(listed.records)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        with self._revocations.listing() as listed:
            return listed.records.expire(now, limit)
