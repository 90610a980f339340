"""The fleet: processes with clocks of their own, rotators, an operator; and what must hold.

Time is true time in seconds; a process whose clock is `skew` ahead reads `time + skew`. All that
the library decides is decided by the library: `plan`, `revoke_key`, `update`, `judge`, and what a
ring says of signing and verifying. What is simulated is the world: clocks, polls, pauses, faults.

A process is **in contact** while it has seen every document older than `CONTACT`. For those that
are, at each instant that is looked at:

A. the key that a process signs with is in the ring of every other (unless it was made in an
   emergency less than `CONTACT` ago);
B. a token that has not expired, of a key that is not revoked, verifies in every process;
C. a key that was revoked more than `CONTACT` ago verifies nowhere, and signs nowhere;
D. in every process there is a key that signs.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Final

from tokensession.errors import ConfigError, StoreError
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import Event, plan, revoke_key
from tokensession.keys.schedule import Schedule
from tokensession.keys.source import update
from tokensession.keys.succession import Verdict, judge

from .source import FaultySource

START: Final = 1_785_000_000
DAY: Final = 86400
YEAR: Final = 365 * DAY
MAX_SKEW: Final = 30  # so that two clocks differ by a minute at the most
REFRESH: Final = 60
SCHEDULE: Final = Schedule(period=30 * DAY, propagation=900, token_lifetime=12 * 3600)
CONTACT: Final = SCHEDULE.propagation - 2 * MAX_SKEW
SKEWS: Final = range(-MAX_SKEW, MAX_SKEW + 1, 5)
EDGES: Final = (-MAX_SKEW - 1, -MAX_SKEW, -1, 0, 1, MAX_SKEW, MAX_SKEW + 1)


class Broken(AssertionError):  # noqa: N818  # so it is said
    """An invariant that did not hold; the message says which, when, and how to see it again."""


@dataclass
class Process:
    """One process of the fleet."""

    skew: int
    version: int = 0  # of the rings that this fleet has had
    due: int | None = None  # when it polls next with success, if there is something new


@dataclass
class Tally:
    """What happened, for the log."""

    documents: int = 0
    rotations: int = 0
    revocations: int = 0
    emergencies: int = 0
    runs: int = 0
    missed_runs: int = 0
    lost_races: int = 0
    clock_jumps: int = 0
    polls: int = 0
    refused_documents: int = 0
    pauses: int = 0
    out_of_contact: int = 0
    instants: int = 0
    checks: int = 0
    algorithms: Counter[str] = field(default_factory=Counter)


class Fleet:
    """A fleet and its history.

    Args:
        seed: Decides everything.
        processes: How many.
        lies: The part of all reads that fail or lie.
    """

    def __init__(self, seed: int, *, processes: int, lies: float = 0.1) -> None:
        self.dice = Random(seed)  # noqa: S311  # no secret
        self.seed = seed
        self.tally = Tally()
        ring = KeyRing([self._make_key("HS256", nbf=START)]).with_schedule(SCHEDULE)
        self.source = FaultySource(ring.to_json(), self.dice, lies=lies)
        self.written = [START]  # when each document was
        self.rings = [ring]
        self.processes = [Process(self.dice.choice(SKEWS)) for _ in range(processes)]
        self._versions = {self.source.newest: 0}  # the ring of each document
        self._verdicts: dict[tuple[int, bytes | None], Verdict] = {}
        self._groups = Counter((process.version, process.skew) for process in self.processes)
        self._due: list[tuple[int, int]] = []  # when which process polls
        self._dies: dict[str, int] = {}  # kid -> by when its last token has expired
        self._revoked: dict[str, int] = {}  # kid -> when
        self._young: dict[str, int] = {}  # kid that took over in an emergency -> when
        self._paused_until = START

    def _make_key(self, algorithm: str, *, nbf: int) -> Key:
        self.tally.algorithms[algorithm] += 1
        return generate_key(algorithm, kid=f"{self.dice.getrandbits(32):08x}", nbf=nbf)

    @property
    def newest(self) -> KeyRing:
        """The ring of the newest document."""
        return self.rings[-1]

    # -- the world ---------------------------------------------------------------------------

    def run(self, years: float) -> Tally:
        """Let time pass.

        Raises:
            Broken: An invariant did not hold.
        """
        end = START + int(years * YEAR)
        events = sorted(self._calendar(end))
        for (now, what), (then, _) in pairwise([*events, (end, "")]):
            before = len(self.source.documents)
            self._happen(now, what)
            if len(self.source.documents) > before:
                self._published(now)
            self._pass(now, then)
        return self.tally

    def _calendar(self, end: int) -> list[tuple[int, str]]:
        """Return when who acts: two rotators a day each, an operator now and then."""
        dice, events, day = self.dice, [], START
        while day < end:
            if dice.random() < 0.002:  # no run for a while, up to 200 days
                away = dice.randrange(1, 200)
                self.tally.missed_runs += away
                day += away * DAY
                continue
            first = day + dice.randrange(DAY // 2)
            # The second one often comes at the very second of the first.
            events += [(first, "rotate"), (first + dice.choice((0, 0, 1, 300, 4000)), "rotate")]
            if dice.random() < 0.01:
                events.append((day + dice.randrange(DAY), dice.choice(("revoke", "revoke new"))))
            if dice.random() < 0.003:
                events.append((day + dice.randrange(DAY), "algorithm"))
            day += DAY
        return [event for event in events if event[0] < end]

    def _happen(self, now: int, what: str) -> None:
        clock = now + self.dice.choice(SKEWS)
        try:
            if what == "rotate":
                self._rotate(now, clock)
            elif what == "algorithm":
                update(self.source, self._change_algorithm)
            else:
                self._revoke(now, clock, activate_new_now=what == "revoke new")
        except (ConfigError, StoreError):
            self.tally.missed_runs += 1  # the source lied to the operator

    def _rotate(self, now: int, clock: int) -> None:
        if self.dice.random() < 0.002:  # for one run its clock is years off
            self.tally.clock_jumps += 1
            clock += self.dice.choice((-5, 5)) * YEAR
        self.tally.runs += 1
        tries = 0
        done: tuple[Event, ...] = ()

        def change(ring: KeyRing) -> KeyRing:
            nonlocal tries, done
            tries += 1
            schedule = ring.schedule or SCHEDULE
            after, done = plan(ring, clock, schedule, make_key=self._make_key)
            if plan(after, clock, schedule)[1]:
                raise self._broken(now, "plan is not idempotent")
            return after

        update(self.source, change)
        self.tally.lost_races += tries - 1
        self._note(now, done)

    def _change_algorithm(self, ring: KeyRing) -> KeyRing:
        algorithm = self.dice.choice(("HS256", "Ed25519", "ES256"))
        return ring.with_schedule(
            Schedule(period=SCHEDULE.period, propagation=SCHEDULE.propagation,
                     token_lifetime=SCHEDULE.token_lifetime, algorithm=algorithm)
        )  # fmt: skip

    def _revoke(self, now: int, clock: int, *, activate_new_now: bool) -> None:
        alive = sorted(key.kid for key in self.newest if key.verifies(clock))
        active = self.newest.active(clock)
        kid = active.kid if active and self.dice.random() < 0.7 else self.dice.choice(alive)
        done: tuple[Event, ...] = ()

        def change(ring: KeyRing) -> KeyRing:
            nonlocal done
            if kid not in ring:
                return ring
            after, done = revoke_key(
                ring, kid, clock, activate_new_now=activate_new_now, make_key=self._make_key
            )
            return after

        after = update(self.source, change).after
        if any(event.change == "revoked" for event in done):
            self.tally.revocations += 1
            self._revoked[kid] = now
            # The key that takes over may not have spread, or may have been near its end.
            self._young |= {key.kid: now for key in [after.active(clock + skew) for skew in SKEWS]
                            if key is not None}  # fmt: skip
        self._note(now, done)

    def _note(self, now: int, events: tuple[Event, ...]) -> None:
        for event in events:
            self.tally.rotations += event.change == "added"
            if event.change == "added" and event.at <= now + MAX_SKEW:
                self.tally.emergencies += 1
                self._young[event.kid] = now

    def _published(self, now: int) -> None:
        """Decide when each process hears of the new document."""
        self.tally.documents += 1
        for text in self.source.documents[len(self.written) :]:
            self.written.append(now)
            self._versions[text] = len(self.rings)
            self.rings.append(KeyRing.from_jwks(text))
        for index, process in enumerate(self.processes):
            if process.due is None:
                process.due = now + self._delay()
                heapq.heappush(self._due, (process.due, index))

    def _delay(self) -> int:
        dice = self.dice
        if dice.random() < 0.0005:
            self.tally.pauses += 1
            return dice.randrange(REFRESH, 3 * DAY)
        return 1 + int(dice.random() * REFRESH)

    def _pass(self, now: int, then: int) -> None:
        """Let processes poll and look at all instants of interest until `then`."""
        instants = {now, then - 1}
        instants |= {now + offset for offset in (1, 29, 60, 120, CONTACT, CONTACT + 1, 900, 931)}
        instants |= {now + self.dice.randrange(1, max(2, then - now)) for _ in range(3)}
        for key in self.newest:
            for second in (key.nbf, key.exp):
                if second is not None:
                    instants |= {second + edge for edge in EDGES}
        for instant in sorted(instants):
            if now <= instant < then:
                self._poll(instant)
                self._look(instant)

    def _poll(self, instant: int) -> None:
        while self._due and self._due[0][0] <= instant:
            at, index = heapq.heappop(self._due)
            process = self.processes[index]
            self.tally.polls += 1
            try:
                document = self.source.read()
            except StoreError:
                verdict = Verdict(self.rings[process.version], "unreachable")
            else:
                verdict = self._judge(process.version, document)
            taken = process.version
            if verdict.problem is None and document is not None:
                taken = self._versions[document]
            if taken < process.version or (
                verdict.problem and verdict.ring is not self.rings[taken]
            ):
                raise self._broken(at, f"a bad document was taken over: {verdict.problem}")
            self._groups[process.version, process.skew] -= 1
            process.version, process.due = taken, None
            self._groups[process.version, process.skew] += 1
            if taken < len(self.rings) - 1:  # it was lied to, and will ask again
                self.tally.refused_documents += verdict.problem is not None
                process.due = at + 48 + int(self.dice.random() * 12)
                heapq.heappush(self._due, (process.due, index))
        self._groups = +self._groups

    def _judge(self, version: int, document: bytes | None) -> Verdict:
        known = self._verdicts.get((version, document))
        if known is None:
            known = judge(self.rings[version], self.source.name, document)
            self._verdicts[version, document] = known
        return known

    # -- what must hold ----------------------------------------------------------------------

    def _look(self, now: int) -> None:
        self.tally.instants += 1
        # In contact: with a ring that was the newest one at some time within CONTACT.
        oldest = max(
            (index for index, at in enumerate(self.written) if at <= now - CONTACT), default=0
        )
        groups = [(version, skew) for version, skew in self._groups if version >= oldest]
        self.tally.out_of_contact += sum(
            count for (version, _), count in self._groups.items() if version < oldest
        )
        versions = {version for version, _ in groups}
        for version, skew in groups:
            ring, clock = self.rings[version], now + skew
            signer = ring.active(clock)
            if signer is None:
                raise self._broken(now, f"D: no key signs in version {version}")
            if self._revoked.get(signer.kid, now) < now - CONTACT:
                raise self._broken(now, f"C: revoked key {signer.kid} signs")
            if not self._is_young(signer.kid, now) and signer.kid not in self._revoked:
                for other in versions:
                    if signer.kid not in self.rings[other]:
                        raise self._broken(now, f"A: {signer.kid} signs before it has spread")
            dies = clock + SCHEDULE.token_lifetime
            self._dies[signer.kid] = max(self._dies.get(signer.kid, 0), dies)
        self._check_reading(groups, now)

    def _check_reading(self, groups: list[tuple[int, int]], now: int) -> None:
        for kid, dies in list(self._dies.items()):
            if dies + MAX_SKEW < now:
                del self._dies[kid]
                continue
            revoked = self._revoked.get(kid)
            for version, skew in groups:
                ring, clock = self.rings[version], now + skew
                reads = kid in ring and ring[kid].verifies(clock)
                self.tally.checks += 1
                if revoked is not None:
                    if reads and now > revoked + CONTACT:
                        raise self._broken(now, f"C: revoked key {kid} verifies")
                elif not reads and clock < dies and not self._is_young(kid, now):
                    raise self._broken(now, f"B: a valid token of {kid} is refused")

    def _is_young(self, kid: str, now: int) -> bool:
        return now <= self._young.get(kid, now - CONTACT - 1) + CONTACT

    def _broken(self, now: int, what: str) -> Broken:
        return Broken(
            f"{what}, {now - START} s after the start; see it again with "
            f"python -m tests.trials.simulation --seed {self.seed} "
            f"--processes {len(self.processes)}"
        )
