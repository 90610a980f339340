"""Lifecycles of keys: the laws of `lifecycle` hold after each step of two operators."""

from __future__ import annotations

import secrets
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import NOW
from tests.keys import lifecycle
from tests.keys.lifecycle import CONTACT, MAX_SKEW, PROPAGATION, SCHEDULE, World
from tokensession.keys.jwk import generate_key
from tokensession.keys.ring import KeyRing
from tokensession.keys.rotation import plan, revoke_key
from tokensession.keys.schedule import Schedule
from tokensession.keys.succession import Verdict
from tokensession.tokens import writing

if TYPE_CHECKING:
    from collections.abc import Callable

SKEWS: Final = (-MAX_SKEW, -7, 0, MAX_SKEW)
EDGES: Final = (-MAX_SKEW - 1, -MAX_SKEW, -1, 0, 1, MAX_SKEW, MAX_SKEW + 1)
ALGORITHMS: Final = {"HS256": ("HS256", "ES256"), "Ed25519": ("Ed25519", "ES256")}
TALLY: Counter[str] = Counter()

skews = st.sampled_from(SKEWS)
picks = st.integers(0, 11)
verbs = st.fixed_dictionaries({
    "verb": st.sampled_from(["plan", "plan", "add", "retire", "revoke", "unlisted", "schedule"]),
    "pick": picks,
    "flag": st.booleans(),
    "skew": skews,
})  # fmt: skip


class Lifecycles(RuleBasedStateMachine):
    """Operators, processes and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        # Of two keys with one nbf the greater kid signs, and a repeated run must be the same.
        dice = Random(1)  # noqa: S311  # names, no secrets
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(secrets, "token_hex", lambda _: f"{dice.getrandbits(32):08x}")

    def teardown(self) -> None:
        """Give keys random names again."""
        self._patch.undo()

    @initialize(
        algorithm=st.sampled_from(["HS256", "HS256", "Ed25519"]),
        dated=st.booleans(),
        clocks=st.tuples(skews, skews, skews, skews),
    )
    def begin(self, *, algorithm: str, dated: bool, clocks: tuple[int, ...]) -> None:
        """Begin with one key, two minters, and two more or two readers."""
        key = generate_key(algorithm, nbf=SCHEDULE.period if dated else None)
        ring = KeyRing([key], serial=1).with_schedule(SCHEDULE)
        self.algorithms = ALGORITHMS[algorithm]
        readers = algorithm != "HS256"
        self.world = World(
            ring, [(skew, readers and index > 1) for index, skew in enumerate(clocks)]
        )

    @invariant()
    def the_laws_hold(self) -> None:
        """Check the laws after each step."""
        if hasattr(self, "world"):
            self.world.look()
            TALLY["instants"] += 1
            TALLY["in contact"] += sum(map(self.world.in_contact, self.world.processes))
            TALLY["tokens"] += len(self.world.tokens)

    # -- operators ---------------------------------------------------------------------------

    @rule(one=verbs)
    def operate(self, one: dict[str, Any]) -> None:
        """Let an operator change the document."""
        self._mend_perhaps(one)
        self.world.change(self._change(**one), urgent=one["verb"] == "revoke")

    @rule(one=verbs, other=verbs)
    def operate_at_once(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        """Let two operators change it, one faster than the other."""
        self._mend_perhaps(one)
        urgent = "revoke" in (one["verb"], other["verb"])
        self.world.change(self._change(**one), rival=self._change(**other), urgent=urgent)

    def _change(
        self, *, verb: str, pick: int, flag: bool, skew: int
    ) -> Callable[[KeyRing], KeyRing]:
        clock = self.world.now + skew

        def change(ring: KeyRing) -> KeyRing:
            after = self._changed(ring, verb, pick, clock, flag=flag)
            TALLY[verb] += after is not ring
            if flag and verb == "revoke":
                self.world.hurried |= {key.kid for key in after if key.kid not in ring
                                       and key.nbf <= clock}  # fmt: skip
            return after

        return change

    def _changed(self, ring: KeyRing, verb: str, pick: int, clock: int, *, flag: bool) -> KeyRing:
        kids = [key.kid for key in sorted(ring, key=lambda key: (key.nbf, key.kid))]
        alive = [kid for kid in kids if ring[kid].verifies(clock)]
        schedule = ring.numbers
        if verb == "plan":
            return plan(ring, clock, schedule)[0]
        if verb == "add":
            nbf = clock + schedule.propagation + (0, 0, 1, 700, schedule.period)[pick % 5]
            algorithm = self.algorithms[flag]
            return ring.add(algorithm, nbf=nbf, propagation=schedule.propagation, now=clock)
        if verb == "retire":
            return ring.retire(alive[pick % len(alive)], now=clock)
        if verb == "revoke":
            named = [kid for kid in kids if not ring[kid].revoked]
            kid = named[-1 - pick % len(named)]
            return revoke_key(ring, kid, clock, activate_new_now=flag)[0]
        if verb == "unlisted":
            gone = sorted(self.world.published.keys() - set(kids)) or ["ghost"]
            return revoke_key(ring, gone[pick % len(gone)], clock, unlisted=True)[0]
        return ring.with_schedule(self._schedule(ring, pick, flag=flag))

    def _schedule(self, ring: KeyRing, pick: int, *, flag: bool) -> Schedule:
        world, former = self.world, ring.numbers
        lifetime = (1800, 600)[pick % 2]
        longest = max((token.ttl for token in world.tokens), default=0)
        if lifetime < max(longest, world.idle_timeout):  # policies and their sessions come first
            lifetime = former.token_lifetime
        TALLY["raised"] += lifetime > former.token_lifetime
        TALLY["lowered"] += lifetime < former.token_lifetime
        return Schedule(
            token_lifetime=lifetime,
            period=(5000, 2000, 90 * 86400)[pick % 3],
            propagation=(PROPAGATION, 1800)[pick // 3 % 2],
            algorithm=self.algorithms[flag] if pick // 6 else None,
        )

    @precondition(lambda self: len(self.world.documents) > 1)
    @rule(version=st.integers(0, 50), renumbered=st.booleans())
    def restore(self, version: int, *, renumbered: bool) -> None:
        """Put an old document back, by mistake."""
        self.world.restore(version % len(self.world.documents), renumbered=renumbered)
        TALLY["restores"] += 1

    def _mend_perhaps(self, verb: dict[str, Any]) -> None:
        """Notice in most cases that an old document is there, before it is changed."""
        if self.world.restored and verb["pick"] % 3:
            self.world.mend(self.world.now + verb["skew"])
            TALLY["mended"] += 1

    # -- time and processes ------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 60, 61, 600, CONTACT - 1, CONTACT, PROPAGATION, 1860, 5000]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.world.wait(self.world.now + seconds)

    @rule(pick=picks, offset=st.sampled_from(EDGES))
    def wait_for_an_edge(self, pick: int, offset: int) -> None:
        """Let time pass until a key or a token begins or ends, by some clock."""
        world = self.world
        dates = {second for key in world.documents[-1].ring for second in (key.nbf, key.exp)}
        dates |= {token.dies for token in world.tokens}
        edges = sorted(
            second + offset for second in dates if second and second + offset > world.now
        )
        if edges:
            world.wait(edges[pick % len(edges)])

    @rule(idle_timeout=st.sampled_from([600, 1800]))
    def set_policy(self, idle_timeout: int) -> None:
        """Let the minters have another policy, within what the document allows."""
        most = self.world.documents[-1].ring.numbers.token_lifetime
        self.world.idle_timeout = min(idle_timeout, most)

    @rule(pick=picks)
    def hear(self, pick: int) -> None:
        """Let a process read the source early."""
        process = self.world.processes[pick % len(self.world.processes)]
        if not process.deaf:
            self.world.hear(process)

    @rule(pick=picks)
    def restart(self, pick: int) -> None:
        """Start a process anew."""
        self.world.restart(self.world.processes[pick % len(self.world.processes)])

    @rule(pick=picks)
    def deafen(self, pick: int) -> None:
        """Cut a process off the source, or let it read again."""
        process = self.world.processes[pick % len(self.world.processes)]
        process.deaf = not process.deaf

    @rule(pick=picks, which=picks)
    def renew(self, pick: int, which: int) -> None:
        """Let a process renew a session."""
        world = self.world
        minters = [process for process in world.processes if not process.reads_only]
        tokens = world.tokens
        if tokens:
            world.renew(minters[pick % len(minters)], tokens[which % len(tokens)])
            TALLY["renewals"] += 1


def test_the_laws_of_lifecycles() -> None:
    """In any order of changes, restores, restarts and readings, all laws hold at each step."""
    chosen = settings(max_examples=25, stateful_step_count=40)
    run_state_machine_as_test(Lifecycles, settings=chosen)


def hasty(ring: KeyRing) -> KeyRing:
    """Publish as if a minute were enough for a key to spread."""
    return ring.add(propagation=60, now=NOW)


def short(ring: KeyRing) -> KeyRing:
    """Retire as if no token lived for long."""
    return ring.add(now=NOW).retire("old", token_lifetime=1, leeway=0, now=NOW)


def unfinished(ring: KeyRing) -> KeyRing:
    """Revoke the only key, and add none."""
    return ring.revoke("old", now=NOW)


def trusting(running: KeyRing, _: str, document: bytes) -> Verdict:
    """Take over any readable document."""
    del running
    return Verdict(KeyRing.from_jwks(document))


class TestItWouldNotice:
    @pytest.fixture
    def world(self) -> World:
        """Give a world of two processes and one key."""
        ring = KeyRing([generate_key(kid="old", nbf=1)], serial=1).with_schedule(SCHEDULE)
        world = World(ring, [(0, False), (0, False)])
        world.look()
        return world

    @pytest.mark.parametrize(
        ("change", "law"),
        [
            (hasty, "A: .* signs before it has spread"),
            (short, "B: a valid token of old is refused"),
            (unfinished, "D: each key has an end"),
        ],
    )
    def test_a_wrong_change(
        self, world: World, change: Callable[[KeyRing], KeyRing], law: str
    ) -> None:
        """The laws detect a wrong change: a key too early, an end too soon, or no key left."""

        def history() -> None:
            world.change(change)
            world.hear(world.processes[0])
            for _ in range(100):
                world.wait(world.now + 61)
                world.look()

        with pytest.raises(AssertionError, match=law):
            history()

    @pytest.mark.parametrize("renumbered", [False, True])
    def test_a_process_that_believes_each_document(
        self, world: World, monkeypatch: pytest.MonkeyPatch, *, renumbered: bool
    ) -> None:
        """It takes a revoked key back with an old document."""
        monkeypatch.setattr(lifecycle, "judge", trusting)
        world.change(lambda ring: revoke_key(ring, "old", NOW)[0], urgent=True)
        world.hear(world.processes[0])
        world.restore(0, renumbered=renumbered)
        world.look()
        world.hear(world.processes[0])
        with pytest.raises(AssertionError, match="C: old came back"):
            world.look()

    def test_a_renewal_that_forgets(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its session would outlive the key that has signed for it."""
        monkeypatch.setattr(writing, "_signers", lambda *_: ())
        world.change(lambda ring: ring.add(now=NOW))
        world.wait(NOW + PROPAGATION)
        with pytest.raises(AssertionError, match="forgets a signer"):
            world.renew(world.processes[0], world.last["old"])
