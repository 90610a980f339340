"""In no order of two requests' store calls does a session outlive its sign-out, or become two."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import pytest

from tokensession.errors import Revoked
from tokensession.revocation.decision import Ended
from tokensession.stores.memory.revocation import MemoryStore

from .orders import ADA, REQUESTS, orders

if TYPE_CHECKING:
    from tokensession.revocation.decision import Denial

PAIRS = list(combinations_with_replacement(REQUESTS, 2))


@pytest.mark.parametrize(
    ("subject", "deaf", "twice"),
    [(ADA, False, False), (None, False, False), (ADA, True, False), (ADA, False, True)],
)
def test_every_order(subject: str | None, deaf: bool, twice: bool) -> None:  # noqa: FBT001
    """With a lookup, with a node that has heard of nothing, and with each call repeated."""
    found: list[str] = []
    count = 0
    for one, two in PAIRS:
        for pair in {(one, two), (two, one)} if deaf else {(one, two)}:
            for order, world in orders(pair, subject=subject, deaf=deaf, twice=twice):
                count += 1
                found += [f"{fault}: {pair} {order}" for fault in world.faults()]
    assert found[:10] == []
    assert count > 1_000


class OldStore(MemoryStore):
    """A store that replaces without looking, as the first version of this library had it."""

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Deny the old id and let the new one go on, also of a session that has ended."""
        try:
            return super().replace(denial, new, now=now)
        except Revoked:
            return Ended((denial.sid,))


@pytest.mark.parametrize(
    ("pair", "fault"),
    [
        ((("regenerate",), ("clear",)), "a session outlives its sign-out"),
        ((("regenerate",), ("regenerate",)), "a session has become two"),
        ((("reauthenticate",), ("clear",)), "a session outlives its sign-out"),
        ((("reauthenticate",), ("regenerate",)), "a session has become two"),
    ],
)
def test_the_judge_finds_a_store_that_does_not_decide(pair: Any, fault: str) -> None:
    """A replacement that is not decided by the store in its own step is found out."""
    faults = {fault for _, world in orders(pair, make=OldStore) for fault in world.faults()}
    assert fault in faults
