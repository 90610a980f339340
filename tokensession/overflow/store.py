"""What a store of overflowed states does; implement it over anything that keeps bytes.

An entry is written once under a name that no other ever has, is read, kept longer, and leaves by
itself some time after its end. So writers never meet, and a store needs no transactions.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

# Seconds that an entry stays beyond its end before a store sweeps it unasked, because a host's
# clock can be fast.
SWEEP_MARGIN: Final = 3600
SWEEP_BATCH: Final = 1000  # entries removed in one step, so that no step takes long
SWEEP_EVERY: Final = 16  # puts; of each so many one sweeps twice as many entries as were put
MAX_ENTRY: Final = 8_000_000 + 16  # bytes; more than any limit of Overflow, with the tag


@runtime_checkable
class Store(Protocol):
    """A store of entries. Synchronous; safe under threads, and after a fork.

    A constructor does no I/O. Every method raises StoreError when the store cannot be reached, is
    full or is not created, and nothing else. Names are 32 bytes, times Unix seconds.
    """

    @property
    def largest(self) -> int:
        """How many bytes its largest entry can have; known without I/O."""
        return MAX_ENTRY

    def create(self) -> None:
        """Make what it needs (a table, an index); leave alone what is there."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Keep an entry until `until` at least, where the store does not lose it."""
        ...

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None. One past its end may still be there."""
        ...

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Keep an entry until `until` at least; False when it is not there."""
        ...

    def delete(self, name: bytes) -> None:
        """Remove an entry; a no-op without one."""
        ...

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # nothing to do
        """Remove up to `limit` entries whose end is before `now`; return how many were.

        Stores from which entries leave by themselves do nothing, and return 0.
        """
        return 0
