"""Sessions, rotation and revocation at once, on real servers with several workers."""

from __future__ import annotations

import pytest

from .fleet import KINDS
from .run import Plan, TooSlow, run


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_and_nothing_comes_back(kind: str) -> None:
    """Counters only grow through two rotations; what was signed out of is refused everywhere."""
    for pace in (2, 6, 18):
        plan = Plan(kind=kind, seconds=2, pace=pace, staleness=float(pace))
        try:
            outcome = run(plan)
        except TooSlow:
            continue
        tally = outcome.tally
        assert tally.faults == []
        assert len(tally.kids) == 1 + plan.rotations
        assert len(tally.serials) == plan.workers
        assert tally.replayed > 0
        assert all(len(times) > plan.workers for times in tally.seconds.values())
        return
    pytest.fail("the machine is too slow for any pace")
