"""Chains of session ids in memory.

A session that received a new id has a chain: all its ids, of which the last is current.
"""

from __future__ import annotations

import heapq
from itertools import count


class _Chain:
    """The ids of one session, oldest first; the last one is current."""

    __slots__ = ("ids", "until")

    def __init__(self, first: bytes) -> None:
        self.ids = [first]
        self.until = 0


class Chains:
    """Chains by each of their ids. The caller holds the lock."""

    def __init__(self) -> None:
        self._chains: dict[bytes, _Chain] = {}
        self._ends: list[tuple[int, int, _Chain]] = []
        self._numbers = count()

    def current(self, sid: bytes) -> bytes | None:
        """Return the current id of a session that has or had this id; None without a chain."""
        chain = self._chains.get(sid)
        return None if chain is None else chain.ids[-1]

    def continue_as(self, sid: bytes, new: bytes, until: int) -> None:
        """Make `new` the current id of a session."""
        chain = self._chains.get(sid)
        if chain is None:
            chain = self._chains[sid] = _Chain(sid)
        chain.ids.append(new)
        self._chains[new] = chain
        if until > chain.until:
            chain.until = until
            heapq.heappush(self._ends, (until, next(self._numbers), chain))

    def expire(self, now: int, limit: int) -> None:
        """Remove up to `limit` ended chains."""
        while limit > 0 and self._ends and self._ends[0][0] < now:
            until, _, chain = heapq.heappop(self._ends)
            if (
                until == chain.until
            ):  # otherwise it lives longer, and the heap has another end for it
                limit -= 1
                for sid in chain.ids:
                    self._chains.pop(sid, None)
