"""The protocol of an overflow store; implement it for any storage of bytes.

An entry is written once under a unique name, is read, is kept longer, and expires some time after
its end. So writers do not conflict, and a store needs no transactions.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

# Seconds after an entry's end before a store sweeps it by itself, because clocks can be fast.
SWEEP_MARGIN: Final = 3600
SWEEP_BATCH: Final = 1000  # entries removed in one step, so that no step takes long
SWEEP_EVERY: Final = 16  # one in this many puts sweeps twice as many entries
MAX_ENTRY: Final = 8_000_000 + 16  # bytes; more than any limit of Overflow, with the tag


@runtime_checkable
class Store(Protocol):
    """An overflow store. It is synchronous, thread-safe and fork-safe.

    A constructor does no I/O. Methods raise only StoreError: the store is unreachable, full or not
    created. Names are 32 bytes, times are Unix seconds.
    """

    @property
    def largest(self) -> int:
        """The largest entry in bytes, known without I/O."""
        return MAX_ENTRY

    def create(self) -> None:
        """Create what the store needs (a table, an index); keep what exists."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Store an entry until at least `until`, unless the store loses it."""
        ...

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None. An entry past its end may still exist."""
        ...

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until at least `until`; return False if it is missing."""
        ...

    def delete(self, name: bytes) -> None:
        """Delete an entry; no-op if it is missing."""
        ...

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # nothing to do
        """Remove up to `limit` entries whose end is before `now`; return how many.

        Stores whose entries expire by themselves do nothing, and return 0.
        """
        return 0
