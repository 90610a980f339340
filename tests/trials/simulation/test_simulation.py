"""The simulation in small, and that it would notice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tokensession.errors import ConfigError
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import plan
from tokensession.keys.succession import Verdict

from . import fleet
from .fleet import Broken, Fleet

if TYPE_CHECKING:
    from tokensession.keys.schedule import Schedule


@pytest.mark.parametrize("seed", range(1, 4))
def test_no_request_notices(seed: int) -> None:
    """A year of a small fleet with faults of every kind: all invariants hold, at each step."""
    simulated = Fleet(seed, processes=12)
    tally = simulated.run(1)
    assert tally.rotations >= 4
    assert tally.refused_documents > 5
    assert all(simulated.source.faults.values())


def test_a_seed_decides_everything() -> None:
    """The same seed gives the same history."""
    assert Fleet(7, processes=5).run(0.5) == Fleet(7, processes=5).run(0.5)


def hasty(ring: KeyRing, now: float, schedule: Schedule, **named: Any) -> Any:
    """Plan as if a minute were enough for a key to spread."""
    return plan(ring, now, replace(schedule, propagation=60), **named)


def short(ring: KeyRing, now: float, schedule: Schedule, **named: Any) -> Any:
    """Plan as if no token lived longer than an hour."""
    return plan(ring, now, replace(schedule, token_lifetime=3600), **named)


def trusting(running: KeyRing, _: str, document: bytes | None) -> Verdict:
    """Take over any readable document."""
    try:
        return Verdict(KeyRing.from_jwks(document or b""))
    except ConfigError:
        return Verdict(running, "unreadable")


@pytest.mark.parametrize(("name", "broken", "invariant"), [
    ("plan", hasty, "A: .* signs before it has spread"),
    ("plan", short, "B: a valid token of .* is refused"),
    ("judge", trusting, "a bad document was taken over"),
])  # fmt: skip
def test_it_would_notice(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Any, invariant: str
) -> None:
    """A plan or a watcher that does its work wrongly breaks an invariant; the seed is printed."""
    monkeypatch.setattr(fleet, name, broken)
    with pytest.raises(Broken, match=f"{invariant}.*--seed 3"):
        Fleet(3, processes=12).run(2)
