"""How much a store of revocations reads, writes and sweeps in one step."""

from __future__ import annotations

from typing import Final

# Seconds that an entry stays beyond its end before a store sweeps it unasked, because a host's
# clock can be fast.
SWEEP_MARGIN: Final = 3600
SWEEP_BATCH: Final = 1000  # entries removed in one step, so that no step takes long
SWEPT_BY_A_WRITE: Final = 16  # entries: more than a write adds, and next to no work
BATCH: Final = 5000  # entries read in one step, likewise
MAX_CHANGES: Final = 100_000  # that a store remembers; a copy further behind reads everything
CHANGE_BYTES: Final = 16  # random bytes that tell a change from another at the same position
