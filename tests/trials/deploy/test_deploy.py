"""A rolling deploy, for real: four workers, live sessions, two rotations and a revocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING

import pytest

from tests.keys.places import place, url_of
from tokensession import KeyRing
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule, plan, revoke_key
from tokensession.keys.source import create, load_ring, update

from .fleet import WORKERS, Fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tokensession.keys.source import KeySource

REFRESH = 1.0
LIFETIME = 600  # no session of this test is idle for so long
SESSIONS = 4


class TooSlow(Exception):  # noqa: N818  # no error: the machine paused longer than the times allow
    """A pause in which the propagation delay passed unseen: nothing can be said of this attempt."""


@dataclass
class Story:
    """What the browser knows.

    Attributes:
        live: The cookies of sessions that are used all the time, and how often each was.
        asleep: By kid, a cookie that was made under it and is never renewed.
        refused: What was refused though it should live.
    """

    fleet: Fleet
    source: KeySource
    schedule: Schedule
    live: list[tuple[str | None, int]] = field(default_factory=lambda: [(None, 0)] * SESSIONS)
    asleep: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    requests: int = 0
    serials: set[int] = field(default_factory=set)
    added: int = 0  # the serial that brought the newest key

    def round(self) -> None:
        """Send each live and each sleeping session to every worker."""
        self.serials = set()
        for worker in self.fleet.workers:
            for index, (cookie, count) in enumerate(self.live):
                seen, after = worker.get("/count", cookie)
                self.requests += 1
                if seen["n"] != count + 1:
                    self.refused.append(f"live {index}: {seen}, after {count}")
                self.live[index] = (after or cookie, count + 1)
                self.serials.add(seen["serial"])
            for kid, cookie in self.asleep.items():
                seen, _ = worker.get("/", cookie)
                self.requests += 1
                if seen["refused"] is not None and kid not in self.revoked:
                    self.refused.append(f"asleep {kid}: {seen}")
            fresh = worker.get("/count")[1]
            assert fresh is not None
            self.asleep.setdefault(worker.get("/", fresh)[0]["kid"], fresh)

    def begin_anew(self) -> None:
        """Give up the live sessions, for which the revoked key has signed."""
        for worker in self.fleet.workers:
            seen = [worker.get("/", cookie)[0]["refused"] for cookie, _ in self.live]
            self.refused += [f"lives on: {one}" for one in seen if one != "revoked"]
        self.live = [(None, 0)] * SESSIONS

    def rotate(self) -> None:
        """Do what is due, as a cron would."""
        changed = update(self.source, lambda ring: plan(ring, time(), self.schedule)[0])
        if {key.kid for key in changed.after} - {key.kid for key in changed.before}:
            self.added = changed.after.serial

    def until_signing(self, keys: int) -> None:
        """Go on until so many keys have signed.

        Raises:
            TooSlow: A new key was due before every worker could be seen to have it.
        """
        spread = 0
        while len(self.asleep) < keys:
            self.rotate()
            began = monotonic()
            self.round()
            if min(self.serials) >= self.added:
                spread = self.added
            pending = [key.nbf for key in load_ring(self.source) if key.nbf > time() - 2]
            behind = pending and min(pending) <= time() and spread < self.added
            if behind or monotonic() - began > self.schedule.propagation / 2:
                raise TooSlow


def deploy(url: str, pace: int) -> Story:
    """Play the story at a pace.

    Raises:
        TooSlow: The machine was too slow for it.
    """
    source = place(url)
    schedule = Schedule(token_lifetime=LIFETIME, propagation=3 * pace, period=4 * pace)
    first = KeyRing([generate_key("HS256", nbf=1)]).with_schedule(schedule)
    present = source.read()
    if present is None:
        create(source, first)
    else:
        source.write(first.to_json(), over=present)
    with Fleet(url, refresh=REFRESH, lifetime=LIFETIME) as fleet:
        story = Story(fleet, source, schedule)
        story.round()
        story.until_signing(2)
        fleet.replace(0)
        story.until_signing(3)
        revoke(story)
        story.begin_anew()
        story.round()
    return story


def revoke(story: Story) -> None:
    """Revoke the second key, whose session sleeps, and time how long any worker still reads it.

    The live sessions have a key of their own by now, and it has signed for them too.
    """
    kid = list(story.asleep)[1]
    cookie = story.asleep[kid]
    story.round()
    update(story.source, lambda ring: revoke_key(ring, kid, time())[0])
    began, slowest = monotonic(), 0.0
    story.revoked.add(kid)
    waiting = list(story.fleet.workers)
    while waiting:
        for worker in list(waiting):
            asked = monotonic()
            seen, _ = worker.get("/", cookie)
            slowest = max(slowest, monotonic() - asked)
            if seen["refused"] == "unknown_key":
                waiting.remove(worker)
            else:
                # Milliseconds, unless the machine pauses: then the workers' threads pause too.
                late = 10 * slowest
                assert asked - began <= REFRESH + 1 + late, "revoked, and still read"


@pytest.mark.parametrize("kind", ["file", "postgres", "valkey"])
def test_no_request_notices(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """No session is refused that should live; those of a revoked key are, within refresh + 1 s."""
    for pace in (1, 3, 9):
        try:
            story = deploy(url_of(kind, request, tmp_path), pace)
        except TooSlow:
            continue
        assert story.refused == []
        assert len(story.asleep) >= 3
        assert story.requests > WORKERS * SESSIONS * 5
        return
    pytest.fail("the machine is too slow for any pace")
