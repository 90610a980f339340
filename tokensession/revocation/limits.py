"""How much a revocation store reads, writes and sweeps in one step."""

from __future__ import annotations

from typing import Final

# Seconds after an entry's end before a store sweeps it by itself, because clocks can be fast.
SWEEP_MARGIN: Final = 3600
SWEEP_BATCH: Final = 1000  # entries removed in one step, so that no step takes long
SWEPT_BY_A_WRITE: Final = 16  # entries; more than a write adds, and cheap
BATCH: Final = 5000  # entries read in one step, so that no step takes long
MAX_CHANGES: Final = (
    100_000  # changes that a store remembers; a copy further behind reads everything
)
CHANGE_BYTES: Final = 16  # random bytes that distinguish two changes at one position
