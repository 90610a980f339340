"""The records of a directory in the memory of a process."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.sessions.listing import Record


class Records:
    """Records by their ids, and in order by their subjects. The caller holds the lock."""

    def __init__(self) -> None:
        self._records: dict[bytes, Record] = {}
        # Of each subject the start and id of each session, the oldest first.
        self._orders: dict[bytes, list[tuple[int, bytes]]] = {}
        self._providers: dict[bytes, set[bytes]] = {}
        self._ends: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._records)

    def get(self, name: bytes) -> Record | None:
        """Return the record of a listed id."""
        return self._records.get(name)

    def put(self, record: Record) -> None:
        """Put a record, in place of one with its id."""
        self.remove(record.id)
        self._records[record.id] = record
        insort(self._orders.setdefault(record.subject, []), (record.started_at, record.id))
        if record.provider is not None:
            self._providers.setdefault(record.provider, set()).add(record.id)
        heapq.heappush(self._ends, (record.ends_at, record.id))

    def touch(self, record: Record) -> None:
        """Note when a session was seen; see the directory's protocol."""
        known = self._records.get(record.id)
        if known is None:
            self.put(record)
        elif record.last_seen >= known.last_seen:
            self.put(record._replace(label=known.label, provider=known.provider))

    def move(self, former: bytes, record: Record) -> None:
        """Let a record continue one of another id, whose label and provider it takes over."""
        known = self._records.get(former)
        if known is not None:
            record = record._replace(label=known.label, provider=known.provider)
        self.touch(record)
        self.remove(former)

    def remove(self, name: bytes) -> None:
        """Remove the record of a listed id."""
        record = self._records.pop(name, None)
        if record is None:
            return
        order = self._orders[record.subject]
        del order[bisect_left(order, (record.started_at, name))]
        if not order:
            del self._orders[record.subject]
        if record.provider is not None:
            names = self._providers[record.provider]
            names.discard(name)
            if not names:
                del self._providers[record.provider]

    def newest_first(
        self, subject: bytes, after: tuple[int, bytes] | None = None
    ) -> Iterator[Record]:
        """Give the records of a subject, from one on."""
        order = self._orders.get(subject, [])
        end = len(order) if after is None else bisect_left(order, after)
        for at in range(end - 1, -1, -1):
            yield self._records[order[at][1]]

    def of_provider(self, provider: bytes) -> list[Record]:
        """Return the records with a provider's session."""
        return [self._records[name] for name in sorted(self._providers.get(provider, ()))]

    def expire(self, now: int, limit: int) -> int:
        """Remove up to `limit` records that have ended; return how many."""
        removed = 0
        while removed < limit and self._ends and self._ends[0][0] < now:
            ends_at, name = heapq.heappop(self._ends)
            record = self._records.get(name)
            if record is not None and record.ends_at == ends_at:  # else it was seen since
                self.remove(name)
                removed += 1
        return removed
