"""What every store of revocations does with the chain of a session that gets new ids."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from tests.forks import fork
from tokensession.errors import Revoked, StoreError
from tokensession.revocation.decision import (
    NEVER,
    Ended,
    Entries,
    Mark,
    Successor,
    check_moved,
    is_recorded,
    next_everyone,
    next_mark,
    replaced,
)
from tokensession.revocation.entries import RevocationEntries

from .samples import ADA, BOB, LATE, LIFE, NOW, UNTIL, apply, denial, key, revokes, sid, spared

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.revocation.decision import Denial, Keep
    from tokensession.revocation.store import Store

ROUNDS = 12  # of calls that meet; each store has its own way to let them


class Model:
    """The smallest store that could be right: one dict of sessions' ids, one of marks."""

    def __init__(self) -> None:
        self.denied: set[bytes] = set()
        self.marks: dict[bytes, Mark] = {}
        self.everyone = NEVER
        self.highest = NEVER
        self.chains: list[list[bytes]] = []

    def _chain(self, session: bytes) -> list[bytes] | None:
        return next((chain for chain in self.chains if session in chain), None)

    def _move(self, subject: bytes | None, old: bytes, new: bytes) -> None:
        mark = None if subject is None else replaced(self.marks.get(subject), old, new)
        if mark is not None and subject is not None:
            self.marks[subject] = mark

    def look_up(self, session: bytes, subject: bytes | None) -> Entries:
        """Return the entries of a session."""
        mark = None if subject is None else self.marks.get(subject)
        found = Entries(session in self.denied, self.everyone)
        return found if mark is None else found._replace(mark=mark.instant, kept=mark.kept)

    def deny(self, denial: Denial, successor: Successor | None) -> Ended:
        """End a session."""
        chain = self._chain(denial.sid)
        ids = [denial.sid] if chain is None or chain[-1] == denial.sid else [denial.sid, chain[-1]]
        for one in ids:
            if successor is not None and successor.subject == denial.subject:
                self._move(denial.subject, one, successor.sid)
            self.denied.add(one)
        subject = None if successor is None else successor.subject
        return Ended(tuple(ids), self.everyone, self.marks.get(subject or b""))

    def replace(self, denial: Denial, new: bytes) -> Ended:
        """Continue a session, or raise Revoked."""
        chain = self._chain(denial.sid)
        current = None if chain is None or chain[-1] in self.denied else chain[-1]
        if not is_recorded(denial, new, self.look_up(denial.sid, denial.subject), current):
            if chain is None:
                chain = [denial.sid]
                self.chains.append(chain)
            chain.append(new)
            self._move(denial.subject, denial.sid, new)
            self.denied.add(denial.sid)
        return Ended((denial.sid,), self.everyone, self.marks.get(denial.subject or b""))

    def mark(self, subject: bytes, keep: Keep | None, now: int) -> Mark:
        """Set the mark of a subject."""
        former = self.marks.get(subject)
        mark = next_mark(former, self.everyone, keep, now, LIFE)
        self.marks[subject] = mark
        self.highest = max(self.highest, mark.instant)
        check_moved(NEVER if former is None else former.instant, mark, now)
        return mark

    def revoke_all(self, now: int) -> int:
        """End all sessions begun so far."""
        self.everyone = next_everyone(self.everyone, self.highest, now)
        return self.everyone


def answer(call: Callable[[], object]) -> object:
    """Return what a call answers, or how it is refused."""
    try:
        return call()
    except (Revoked, StoreError) as error:
        return type(error)


def is_acknowledged(call: Callable[[], object]) -> bool:
    """Tell whether a call is acknowledged, and not refused by Revoked."""
    try:
        call()
    except Revoked:
        return False
    return True


class ChainContract:
    """A part of `StoreContract`, whose fixtures it uses."""

    shared = True  # whether a forked child writes into the store of its parent

    # -- one after another ---------------------------------------------------------------------

    def test_a_replaced_id_ends_and_the_new_one_lives(self, store: Store) -> None:
        """The answer names the id that is denied now, and what stands for everyone and its mark."""
        assert store.replace(denial(1), sid(2), now=NOW) == Ended((sid(1),))
        assert store.look_up(sid(1), ADA).denied
        assert not store.look_up(sid(2), ADA).denied
        assert store.count() == (1, 0)

    def test_only_the_current_id_can_be_replaced(self, store: Store) -> None:
        """Each session has one continuation, however often it is replaced."""
        store.replace(denial(1), sid(2), now=NOW)
        store.replace(denial(2), sid(3), now=NOW)
        for old, new in ((1, 4), (2, 4), (1, 2)):
            with pytest.raises(Revoked):
                store.replace(denial(old), sid(new), now=NOW)
        assert not store.look_up(sid(4), ADA).denied
        assert store.replace(denial(3), sid(5), now=NOW).denied == (sid(3),)

    def test_a_repeated_replace_is_acknowledged(self, store: Store) -> None:
        """A retry after a lost answer changes nothing, and is answered as the first time."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        first = store.replace(denial(1), sid(2), now=NOW)
        assert first.mark is not None
        assert first.mark.kept == sid(2)
        assert store.replace(denial(1), sid(2), now=NOW + 1) == first
        assert store.look_up(sid(2), ADA) == Entries(mark=NOW + 5, kept=sid(2))

    @pytest.mark.parametrize("how", ["deny", "mark", "revoke_all", "revoke_before"])
    def test_an_ended_session_cannot_be_replaced(self, store: Store, how: str) -> None:
        """A session that any entry ended is not replaced, and the new id stays unknown."""
        if how == "deny":
            store.deny(denial(1), now=NOW)
        elif how == "mark":
            store.mark(ADA, spared(9), now=NOW, life=LIFE)
        elif how == "revoke_all":
            store.revoke_all(now=NOW)
        else:
            store.revoke_before(NOW + 1)
        before = store.look_up(sid(1), ADA), store.count()
        for _ in range(2):
            with pytest.raises(Revoked):
                store.replace(denial(1), sid(2), now=NOW)
        assert (store.look_up(sid(1), ADA), store.count()) == before
        assert store.deny(denial(1), now=NOW).denied == (sid(1),)
        assert not store.look_up(sid(2), ADA).denied

    def test_a_session_begun_after_its_mark_is_replaced(self, store: Store) -> None:
        """The mark and the instant for everyone end sessions begun up to them, and no later one."""
        store.mark(ADA, None, now=NOW, life=LIFE)
        everyone = store.revoke_all(now=NOW)
        with pytest.raises(Revoked):
            store.replace(denial(1, start=everyone), sid(2), now=NOW)
        done = store.replace(denial(1, start=everyone + 1), sid(2), now=NOW)
        assert done.everyone == everyone
        assert done.mark is not None
        assert (done.mark.instant, done.mark.kept) == (NOW + 5, None)

    def test_a_session_of_unknown_start_counts_as_the_oldest(self, store: Store) -> None:
        """A session of unknown start is replaced only if no instant could have ended it."""
        store.replace(denial(1)._replace(started_at=None), sid(2), now=NOW)
        store.revoke_all(now=NOW)
        with pytest.raises(Revoked):
            store.replace(denial(2)._replace(started_at=None), sid(3), now=NOW)

    def test_denying_an_old_id_denies_the_current_one(self, store: Store) -> None:
        """A sign-out by a request that still has an older cookie ends the session."""
        for old in range(1, 5):
            store.replace(denial(old), sid(old + 1), now=NOW)
        assert store.deny(denial(2), now=NOW) == Ended((sid(2), sid(5)))
        assert store.look_up(sid(5), ADA).denied
        for old in (1, 4, 5):
            with pytest.raises(Revoked):
                store.replace(denial(old), sid(6), now=NOW)
        with pytest.raises(Revoked):  # the retry of the last one: its new id has ended since
            store.replace(denial(4), sid(5), now=NOW)
        assert set(store.deny(denial(2), now=NOW).denied) == {sid(2), sid(5)}

    def test_denying_the_current_id_denies_it_alone(self, store: Store) -> None:
        """The older ones are denied already."""
        store.replace(denial(1), sid(2), now=NOW)
        assert store.deny(denial(2), now=NOW).denied == (sid(2),)
        assert store.count().denied == 2

    def test_chains_are_apart(self, store: Store) -> None:
        """The end of one session touches no other of its subject."""
        for old in (1, 11):
            store.replace(denial(old), sid(old + 1), now=NOW)
            store.replace(denial(old + 1), sid(old + 2), now=NOW)
        store.deny(denial(1), now=NOW)
        assert store.look_up(sid(3), ADA).denied
        assert not store.look_up(sid(13), ADA).denied

    def test_the_mark_spares_the_successor(self, store: Store) -> None:
        """A mark that spared the ended session, by any of its ids, spares its successor."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        done = store.deny(denial(1)._replace(successor=Successor(sid(2), ADA)), now=NOW)
        assert done.denied == (sid(1),)
        assert done.mark is not None
        assert (done.mark.instant, done.mark.kept) == (NOW + 5, sid(2))
        assert store.look_up(sid(2), ADA) == Entries(mark=NOW + 5, kept=sid(2))
        store.replace(denial(2), sid(3), now=NOW)
        assert store.look_up(sid(3), ADA).kept == sid(3)
        done = store.deny(denial(2)._replace(successor=Successor(sid(4), ADA)), now=NOW)
        assert done.denied == (sid(2), sid(3))
        assert store.look_up(sid(4), ADA).kept == sid(4)
        again = store.deny(denial(2)._replace(successor=Successor(sid(4), ADA)), now=NOW)
        assert again == done

    def test_the_mark_spares_no_successor_of_another_subject(self, store: Store) -> None:
        """A mark spares no successor of another subject; the answer has that subject's mark."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        bobs = store.mark(BOB, spared(7), now=NOW, life=LIFE)
        done = store.deny(denial(1)._replace(successor=Successor(sid(2), BOB)), now=NOW)
        assert done.mark == bobs
        assert store.look_up(sid(2), ADA).kept == sid(1)
        assert (
            store.deny(denial(3)._replace(successor=Successor(sid(4), ADA)), now=NOW).mark
            is not None
        )
        assert store.look_up(sid(2), ADA).kept == sid(1)
        assert (
            store.deny(denial(5, None)._replace(successor=Successor(sid(6), None)), now=NOW).mark
            is None
        )
        assert store.deny(denial(1), now=NOW).mark is None

    def test_a_chain_lives_as_long_as_its_entries(self, store: Store) -> None:
        """The later end counts; sweeping takes what has ended and leaves the rest whole."""
        store.replace(denial(1, until=NOW + 10), sid(2), now=NOW)
        store.replace(denial(2, until=NOW + 2 * LATE), sid(3), now=NOW)
        store.replace(denial(11, until=NOW + 10), sid(12), now=NOW)
        store.sweep(now=NOW + LATE)
        assert store.deny(denial(2, until=NOW + 2 * LATE), now=NOW + LATE).denied == (
            sid(2),
            sid(3),
        )
        while store.sweep(now=NOW + 3 * LATE):
            pass
        assert store.count() == (0, 0)

    def test_replicas_hear_of_every_denied_id(self, store: Store) -> None:
        """The current one too, which only the store could know."""
        if not store.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        copy = RevocationEntries()
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        position = apply(copy, store.read(None))
        store.replace(denial(1), sid(2), now=NOW)
        position = apply(copy, store.read(position))
        assert not copy.revokes(sid(2), NOW, "ada")
        store.deny(denial(1)._replace(successor=Successor(sid(3), ADA)), now=NOW)
        apply(copy, store.read(position))
        late = RevocationEntries()
        apply(late, store.read(None))
        for one in (copy, late):
            assert [one.revokes(sid(n), NOW, "ada") for n in (1, 2, 3)] == [True, True, False]

    @pytest.mark.parametrize("seed", range(3))
    def test_it_decides_as_the_smallest_store_does(self, store: Store, seed: int) -> None:
        """Over random calls: the same answers, the same refusals, the same entries."""
        random, model = Random(seed), Model()  # noqa: S311  # no secret
        used, tried = 0, {0: 1}
        for step in range(80):
            number, subject = random.randrange(max(1, used) + 2), random.choice((ADA, BOB))
            one = denial(number, subject, start=NOW + random.choice((0, 8, 40, 400)))
            tried[number] = random.choice((used + 1, tried.get(number, used + 1)))
            new = sid(tried[number])
            what = random.choice(("deny", "deny", "replace", "replace", "replace", "mark", "all"))
            used = max(used, tried[number])
            if what == "deny":
                successor = random.choice((None, Successor(new, ADA), Successor(new, BOB)))
                told = one._replace(successor=successor)
                assert store.deny(told, now=NOW) == model.deny(one, successor)
            elif what == "replace":
                expected = answer(lambda: model.replace(one, new))  # noqa: B023
                assert answer(lambda: store.replace(one, new, now=NOW)) == expected  # noqa: B023
            elif what == "mark":
                keep = random.choice((None, spared(number, NOW + 400)))
                expected = answer(lambda: model.mark(subject, keep, NOW))  # noqa: B023
                found = answer(lambda: store.mark(subject, keep, now=NOW, life=LIFE))  # noqa: B023
                assert found == expected
            elif step % 9 == 0:
                expected = answer(lambda: model.revoke_all(NOW))
                assert answer(lambda: store.revoke_all(now=NOW)) == expected
        for number in range(used + 4):
            for whose in (ADA, BOB, None):
                assert store.look_up(sid(number), whose) == model.look_up(sid(number), whose)

    # -- at once -------------------------------------------------------------------------------

    def test_two_that_replace_one_id_leave_one_session(self, store: Store) -> None:
        """Of several replacements of one id one is acknowledged, and the old id ends that one."""
        meet = Barrier(8)

        def replace(number: int) -> bool:
            meet.wait()
            return is_acknowledged(lambda: store.replace(denial(old), sid(number), now=NOW))

        with ThreadPoolExecutor(8) as pool:
            for old in range(1, ROUNDS + 1):
                rivals = range(old * 100, old * 100 + 8)
                (winner,) = [
                    rival
                    for rival, done in zip(rivals, pool.map(replace, rivals), strict=True)
                    if done
                ]
                assert store.deny(denial(old), now=NOW).denied == (sid(old), sid(winner))

    @pytest.mark.parametrize("how", ["deny", "mark", "revoke_all"])
    def test_no_session_outlives_a_sign_out_at_the_same_time(self, store: Store, how: str) -> None:
        """A sign-out beside a replacement ends the old id and the new one, in both orders."""
        meet = Barrier(2)

        def replace(number: int, subject: bytes, start: int) -> bool:
            one = denial(number, subject, start=start)
            meet.wait()
            return is_acknowledged(lambda: store.replace(one, sid(number + 1), now=NOW))

        with ThreadPoolExecutor(1) as pool:
            for number in range(10, 10 + 10 * ROUNDS, 10):
                subject, start = key(number), NOW
                if how == "revoke_all":
                    start = store.look_up(sid(0), None).everyone + 1
                replacing = pool.submit(replace, number, subject, start)
                meet.wait()
                if how == "deny":
                    store.deny(denial(number, subject, start=start), now=NOW)
                elif how == "mark":
                    store.mark(subject, None, now=NOW, life=LIFE)
                else:
                    store.revoke_all(now=max(NOW, start))
                replacing.result()
                for one in (number, number + 1):
                    found = store.look_up(sid(one), subject)
                    # An id that was never acknowledged has no token.
                    assert revokes(found, sid(one), start) or (
                        one == number + 1 and not replacing.result()
                    )

    def test_a_sign_out_by_an_older_id_ends_the_next_one(self, store: Store) -> None:
        """It reaches the current id, though two others try to replace that at the same time."""
        meet = Barrier(3)

        def replace(old: int, new: int) -> bool:
            meet.wait()
            return is_acknowledged(lambda: store.replace(denial(old), sid(new), now=NOW))

        with ThreadPoolExecutor(2) as pool:
            for first in range(10, 10 + 10 * ROUNDS, 10):
                store.replace(denial(first), sid(first + 1), now=NOW)
                news = (first + 2, first + 3)
                replacing = [pool.submit(replace, first + 1, new) for new in news]
                meet.wait()
                done = store.deny(denial(first, until=UNTIL + 1), now=NOW)
                assert store.look_up(sid(first + 1), ADA).denied
                acknowledged = [
                    new for new, one in zip(news, replacing, strict=True) if one.result()
                ]
                assert len(acknowledged) <= 1
                assert all(store.look_up(sid(new), ADA).denied for new in acknowledged)
                assert set(done.denied) == {sid(first), *map(sid, acknowledged or [first + 1])}

    def test_a_spared_session_is_never_lost_nor_doubled(self, store: Store) -> None:
        """Of a spared session that gets new ids at most one id lives, the last one."""
        marks = 20

        def mark(_: int) -> None:
            with contextlib.suppress(StoreError):
                store.mark(BOB, spared(0), now=NOW, life=LIFE)

        with ThreadPoolExecutor(3) as pool:
            store.mark(ADA, spared(1), now=NOW, life=LIFE)
            marking = [pool.submit(mark, n) for n in range(marks)]
            for old in range(1, 20):
                store.replace(denial(old), sid(old + 1), now=NOW)
            for one in marking:
                one.result()
        found = [store.look_up(sid(one), ADA) for one in range(1, 21)]
        alive = [n for n, one in enumerate(found, 1) if not revokes(one, sid(n), NOW)]
        assert alive == [20]

    def test_processes_that_replace_one_id_leave_one_session(self, store: Store) -> None:
        """Of two processes that replace one id exactly one is acknowledged when it asks again."""
        if not self.shared:
            pytest.skip("each process has a store of its own")

        def replace(first: int) -> None:
            for old in range(1, ROUNDS + 1):
                with contextlib.suppress(Revoked):
                    store.replace(denial(old), sid(first + old), now=NOW)

        held_in_child = fork(lambda: replace(1000))
        replace(2000)
        assert held_in_child()
        for old in range(1, ROUNDS + 1):
            acknowledged = [
                is_acknowledged(
                    lambda old=old, first=first: store.replace(  # type: ignore[misc]
                        denial(old), sid(first + old), now=NOW
                    )
                )
                for first in (1000, 2000)
            ]
            assert sorted(acknowledged) == [False, True]
