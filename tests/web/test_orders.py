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
    from tokensession.sessions.listing import Listing, Record

PAIRS = list(combinations_with_replacement(REQUESTS, 2))
# What changes the list of a subject's sessions. All pairs take a minute and find no more.
LISTED: list[tuple[str, ...]] = [
    ("sign_in_ada",),
    ("sign_in_bob",),
    ("regenerate",),
    ("clear",),
    ("revoke_others", "reauthenticate"),
    ("clear", "sign_in_ada"),
]
LISTED_PAIRS = list(combinations_with_replacement(LISTED, 2))


@pytest.mark.parametrize(
    ("subject", "deaf", "twice", "listed"),
    [
        (ADA, False, False, False),
        (None, False, False, False),
        (ADA, True, False, False),
        (ADA, False, True, False),
        (ADA, True, False, True),
        (None, False, True, True),
    ],
)
def test_every_order(
    subject: str | None,
    deaf: bool,  # noqa: FBT001
    twice: bool,  # noqa: FBT001
    listed: bool,  # noqa: FBT001
) -> None:
    """With a lookup, a node that has heard of nothing, each call repeated, and a directory."""
    found: list[str] = []
    count = 0
    for one, two in LISTED_PAIRS if listed else PAIRS:
        for pair in {(one, two), (two, one)} if deaf else {(one, two)}:
            kind: Any = {"deaf": deaf, "twice": twice, "listed": listed}
            for order, world in orders(pair, subject=subject, **kind):
                count += 1
                found += [f"{fault}: {pair} {order}" for fault in world.faults()]
    assert found[:10] == []
    assert count > (200 if listed else 1_000)


class OldStore(MemoryStore):
    """A store that replaces without looking, as the first version of this library had it."""

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Deny the old id and let the new one go on, also of a session that has ended."""
        try:
            return super().replace(denial, new, now=now)
        except Revoked:
            return Ended((denial.sid,))


class Unlisted(MemoryStore):
    """A store whose directory does not follow a session to its new id."""

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Replace the id alone."""
        return super().replace(denial._replace(listing=None), new, now=now)


class Unlimited(MemoryStore):
    """A store that ends no session beyond the limit."""

    def _list(self, listing: Listing, now: int) -> tuple[Record, ...]:
        return super()._list(listing._replace(limit=None), now)


class Unchecked(MemoryStore):
    """A store whose directory gives what is there."""

    def lives(self, record: Record, now: int) -> bool:
        """Believe the record."""
        return now < record.ends_at


@pytest.mark.parametrize(
    ("pair", "make", "fault"),
    [
        ((("regenerate",), ("nothing",)), Unlisted, "a user who is signed in is not listed"),
        ((("sign_in_ada",), ("sign_in_ada",)), Unlimited, "more sessions live than the limit"),
        ((("revoke_others",), ("nothing",)), Unchecked, "a user who is signed out is listed"),
    ],
)
def test_the_judge_finds_a_directory_that_is_wrong(
    pair: Any, make: type[MemoryStore], fault: str
) -> None:
    """A list that misses a session, has one too many, or an ended one is found out."""
    subject = None if make is Unlimited else ADA
    worlds = orders(pair, subject=subject, listed=True, make=make)
    faults = {fault for _, world in worlds for fault in world.faults()}
    assert any(one.startswith(fault) for one in faults)


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
