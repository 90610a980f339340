"""The decision: what ends, what begins, and that clocks and delays do not matter."""

from __future__ import annotations

from random import Random

import pytest

from tests.stores.revocation_contract import ADA, LIFE, NOW, sid
from tokensession import StoreError
from tokensession.revocation.decision import (
    CLOCK_SKEW,
    MIN_LEEWAY,
    Entries,
    Keep,
    Mark,
    check_moved,
    everyone_before,
    first_start,
    is_revoked,
    next_everyone,
    next_mark,
    replaced,
    subject_key,
)
from tokensession.revocation.entries import RevocationEntries

LEEWAY = 60


def revoked(start: int, entries: Entries, *, session: bytes = sid(1)) -> bool:
    """Decide about a session."""
    return is_revoked(session, start, **entries._asdict())


@pytest.mark.parametrize("delta", [-1, 0, 1])
def test_boundaries(delta: int) -> None:
    """A session is revoked at or before a mark, or the instant for everyone, and not after it."""
    start = NOW + delta
    assert revoked(start, Entries(mark=NOW)) == (delta <= 0)
    assert revoked(start, Entries(everyone=NOW)) == (delta <= 0)
    assert not revoked(start, Entries())
    assert revoked(start, Entries(denied=True))
    assert not revoked(0, Entries())


def test_the_greater_of_mark_and_everyone_counts() -> None:
    """The later of the subject's mark and the mark of all counts, in both orders."""
    assert revoked(NOW, Entries(mark=NOW, everyone=NOW - 9))
    assert revoked(NOW, Entries(mark=NOW - 9, everyone=NOW))


def test_a_spared_session_is_spared_by_its_mark_alone() -> None:
    """Neither a denial nor the instant for everyone knows of it."""
    entries = Entries(mark=NOW, kept=sid(1))
    assert not revoked(NOW, entries)
    assert revoked(NOW, entries, session=sid(2))
    assert revoked(NOW, entries._replace(denied=True))
    assert revoked(NOW, entries._replace(everyone=NOW))


def test_the_next_mark_is_the_greatest_of_three() -> None:
    """After the last mark, after the instant for everyone, and five seconds ahead."""
    assert next_mark(None, -1, None, NOW, LIFE) == Mark(NOW + 5, None, NOW + 5 + LIFE, 1)
    former = Mark(NOW + 7, sid(1), 0, 7)
    assert next_mark(former, -1, Keep(sid(2), NOW + 8), NOW, LIFE) == Mark(
        NOW + 8, sid(2), NOW + 8 + LIFE, 8
    )
    assert next_mark(former, -1, Keep(sid(2), NOW + 7), NOW, LIFE).kept is None
    assert next_mark(former, -1, Keep(sid(1), NOW + 7), NOW, LIFE).kept == sid(1)
    assert next_mark(former, NOW + 90, None, NOW, LIFE).instant == NOW + 91


@pytest.mark.parametrize(("ahead", "moves"), [(8, True), (9, False), (10, False), (3600, False)])
def test_a_mark_goes_nine_seconds_ahead(ahead: int, *, moves: bool) -> None:
    """A mark nine seconds ahead stays and the call is refused, but the spared session changes."""
    former = Mark(NOW + ahead, sid(1), NOW + ahead + LIFE, 7)
    mark = next_mark(former, -1, Keep(sid(2), NOW + ahead + 1), NOW, LIFE)
    assert (mark.instant, mark.kept) == (NOW + ahead + moves, sid(2))
    assert mark.revision == 8
    if moves:
        check_moved(former.instant, mark, NOW)
    else:
        with pytest.raises(StoreError, match=f"repeat the call in {ahead - 8} s"):
            check_moved(former.instant, mark, NOW)
        assert next_mark(mark, -1, Keep(sid(2), NOW + ahead + 1), NOW, LIFE) is mark
        later = NOW + ahead - 8
        assert next_mark(mark, -1, None, later, LIFE).instant == NOW + ahead + 1
    # Right after the instant for everyone it can always be.
    assert next_mark(former, NOW + ahead, None, NOW, LIFE).instant == NOW + ahead + 1


def test_the_next_instant_for_everyone_is_the_greatest_of_three() -> None:
    """After the last one, after the greatest mark ever, and eleven seconds ahead; or refused."""
    assert next_everyone(-1, -1, NOW) == NOW + 11
    assert next_everyone(NOW + 10, -1, NOW) == NOW + 11
    assert next_everyone(NOW + 50, NOW + 50, NOW) == NOW + 51
    assert next_everyone(NOW + 50, NOW + 60, NOW) == NOW + 61
    for everyone, highest in ((NOW + 11, -1), (NOW + 50, NOW + 49)):
        wait = everyone + 1 - max(highest + 1, NOW + 11)
        with pytest.raises(StoreError, match=f"repeat the call in {wait} s"):
            next_everyone(everyone, highest, NOW)


def test_everyone_before_is_one_less() -> None:
    """Ending all sessions before an instant sets the second before it, and lowers nothing."""
    assert everyone_before(-1, NOW) == NOW - 1
    assert everyone_before(NOW, NOW) == NOW


def test_sparing_moves_with_the_id() -> None:
    """The spared id moves only from the old id to the new one."""
    mark = Mark(NOW, sid(1), NOW + LIFE, 3)
    assert replaced(mark, sid(1), sid(2)) == Mark(NOW, sid(2), NOW + LIFE, 4)
    assert replaced(mark, sid(2), sid(3)) is None
    assert replaced(None, sid(1), sid(2)) is None


def test_a_session_begins_after_whatever_would_end_it() -> None:
    """Up to five seconds below the leeway ahead of the clock, and no further."""

    def start(entries: Entries) -> int:
        return first_start(entries, now=NOW, leeway=LEEWAY)

    assert start(Entries()) == NOW
    assert start(Entries(mark=NOW - 1, everyone=NOW - 2)) == NOW
    assert start(Entries(mark=NOW)) == NOW + 1
    assert start(Entries(mark=NOW, everyone=NOW + 7)) == NOW + 8
    assert start(Entries(everyone=NOW + LEEWAY - CLOCK_SKEW - 1)) == NOW + LEEWAY - CLOCK_SKEW
    with pytest.raises(StoreError, match="56 s ahead"):
        start(Entries(everyone=NOW + LEEWAY - CLOCK_SKEW))


def test_subjects_are_digests_of_their_text() -> None:
    """42 and "42" are one; any text has a key of 32 bytes, and no two have the same."""
    assert subject_key(42) == subject_key("42")
    assert subject_key(None) is None
    texts = ["", "a", "A", "a\0", "a ", "é", "e\u0301", "\U0001f511", "a" * 10_000, "-1", "None"]
    keys = {subject_key(text) for text in texts}
    assert len(keys) == len(texts)
    assert {len(found or b"") for found in keys} == {32}


class TestEntries:
    def test_a_later_mark_stays(self) -> None:
        """The later mark stays in any order; of two with one instant the revision decides."""
        marks = [Mark(NOW, sid(n), NOW + LIFE, n) for n in range(3)]
        marks.append(Mark(NOW + 1, None, NOW + LIFE, 1))
        for order in (marks, marks[::-1], marks[2:] + marks[:2]):
            entries = RevocationEntries()
            for mark in order:
                entries.put_mark(ADA, mark)
            assert entries.mark_of(ADA) == marks[3]
            assert entries.highest == NOW + 1

    def test_subjects_are_looked_at_only_before_the_last_mark(self) -> None:
        """The decision is the same as by look_up, for every start around every entry."""
        entries = RevocationEntries()
        entries.deny(sid(1), NOW + LIFE)
        entries.put_mark(ADA, Mark(NOW, sid(2), NOW + LIFE, 1))
        entries.raise_to(everyone=NOW - 5, highest=NOW + 3)
        for number in range(4):
            for start in range(NOW - 7, NOW + 5):
                for subject in ("ada", "bob", None):
                    found = entries.look_up(sid(number), subject_key(subject))
                    expected = revoked(start, found, session=sid(number))
                    assert entries.revokes(sid(number), start, subject) == expected

    def test_one_subject_takes_one_place(self) -> None:
        """A subject takes one place after any number of marks, with any spared session."""
        entries = RevocationEntries()
        for number in range(1000):
            entries.put_mark(bytes(bytearray(ADA)), Mark(NOW, sid(number), NOW + LIFE, number))
        assert entries.mark_count == 1
        assert sum(len(span.subjects) for span in entries._spans.values()) == 1

    def test_what_is_put_again_lives_longer(self) -> None:
        """An entry leaves when its last end has come, and the others stay."""
        entries = RevocationEntries()
        for until in (NOW, NOW + 5000, NOW + 2500):
            entries.deny(sid(1), until)
        entries.put_mark(ADA, Mark(NOW, None, NOW, 1))
        entries.put_mark(ADA, Mark(NOW, None, NOW + 5000, 2))
        assert entries.expire(NOW + 4000) == 0
        assert (entries.denied_count, entries.mark_count) == (1, 1)
        assert entries.expire(NOW + 7000) == 2
        assert (entries.denied_count, entries.mark_count) == (0, 0)


class Node:
    """A process with a clock of its own, that hears of entries late."""

    def __init__(self, offset: float) -> None:
        self.offset = offset
        self.heard = RevocationEntries()
        self.pending: list[tuple[float, Mark | None, int]] = []

    def hear(self, time: float) -> None:
        """Learn what has arrived by now."""
        for at, mark, everyone in self.pending:
            if at <= time:
                if mark is not None:
                    self.heard.put_mark(ADA, mark)
                self.heard.raise_to(everyone=everyone)


class Fleet:
    """Nodes that begin and end sessions of one subject at random, some of them in a loop.

    With the least leeway only marks are set, which keep no node from beginning a session.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # no secret
        self.nodes = [Node(self.random.uniform(0, CLOCK_SKEW)) for _ in range(4)]
        self.leeway = self.random.choice((MIN_LEEWAY, LEEWAY))
        self.store = RevocationEntries()
        self.time, self.last_call = float(NOW), -1000.0
        self.begun: list[tuple[int, bytes, bool]] = []  # start, session id, has to live
        self.dead: set[bytes] = set()
        self.lost: set[bytes] = set()  # no longer spared, by a call that was refused
        self.refused = 0

    def step(self, number: int) -> None:
        """Let time pass and one node do something."""
        self.time += self.random.choice((0.0, 0.1, 0.5, 1.0, 4.0))
        node = self.random.choice(self.nodes)
        node.hear(self.time)
        if self.random.random() < 0.7:
            self._begin(node, sid(number))
            return
        for left in range(self.random.choice((0, 0, 0, 20)), -1, -1):
            self._end(node, everyone=not left)
            self.time += 0.01

    def _begin(self, node: Node, session: bytes) -> None:
        found = node.heard.look_up(session, ADA)
        start = first_start(found, now=int(self.time + node.offset), leeway=self.leeway)
        knows = found == self.store.look_up(session, ADA)
        late = self.time > self.last_call + 2 * CLOCK_SKEW + 2
        self.begun.append((start, session, knows or late))

    def _end(self, node: Node, *, everyone: bool) -> None:
        now, store = int(self.time + node.offset), self.store
        mark, keep, moved = None, None, True
        if not everyone or self.leeway == MIN_LEEWAY or self.random.random() < 0.7:
            known = [Keep(session, start) for start, session, _ in self.begun]
            kept = self.random.choice([*known[-9:], None])  # some of them are ended already
            former = store.mark_of(ADA)
            mark = next_mark(former, store.everyone, kept, now, LIFE)
            keep = mark.kept
            store.put_mark(ADA, mark)
            moved = former is None or mark.instant > former.instant
            if former is not None and former.kept is not None and former.kept != keep:
                self.lost.add(former.kept)
        else:
            try:
                store.raise_to(everyone=next_everyone(store.everyone, store.highest, now))
            except StoreError:
                moved = False
        self.refused += not moved
        self.last_call = self.time
        if moved:
            self.dead |= {session for _, session, _ in self.begun if session != keep}
        for other in self.nodes:
            delay = 0.0 if other is node else self.random.uniform(0, 3)
            other.pending.append((self.time + delay, mark, store.everyone))
        node.hear(self.time)


@pytest.mark.parametrize("seed", range(400))
def test_what_was_ended_stays_ended_and_nothing_else_is(seed: int) -> None:
    """The rule holds for all clocks (up to 5 s apart) and delays (up to 3 s) of the nodes.

    What began before a call, all but the kept session, is revoked; what begins on a node that has
    heard of it, or later than 5 s and the difference of the clocks after it, lives. No session
    is kept from beginning.
    """
    run_history(seed)


def run_history(seed: int) -> Fleet:
    """Run a history and judge it."""
    fleet = Fleet(seed)
    for number in range(60):
        fleet.step(number)
    for start, session, has_to_live in fleet.begun:
        verdict = revoked(start, fleet.store.look_up(session, ADA), session=session)
        if session in fleet.dead:
            assert verdict, f"seed {seed}: ended, and accepted"
        elif has_to_live and session not in fleet.lost:
            assert not verdict, f"seed {seed}: never ended, and refused"
    return fleet
