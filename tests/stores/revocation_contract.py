"""The contract of all stores of revocations: each store's tests inherit it."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

import pytest

from tokensession.errors import Revoked, StoreError
from tokensession.revocation.decision import Denial, Entries, Mark
from tokensession.revocation.entries import RevocationEntries

from .chain_contract import ChainContract
from .samples import (
    ADA,
    BOB,
    LATE,
    LIFE,
    NOW,
    UNTIL,
    apply,
    denial,
    key,
    revokes,
    same,
    sid,
    spared,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.revocation.store import Position, Store

__all__ = [
    "ADA", "BOB", "LATE", "LIFE", "NOW", "UNTIL", "StoreContract", "apply", "denial", "key",
    "revokes", "same", "sid", "spared",
]  # fmt: skip


class StoreContract(ChainContract):
    """Inherit, and give a fixture `new_store` that makes an empty, created store per call."""

    @pytest.fixture
    def store(self, new_store: Callable[[], Store]) -> Store:
        """Give an empty store."""
        return new_store()

    def test_an_empty_store_revokes_nothing(self, store: Store) -> None:
        """An empty store revokes no session, with a subject or without."""
        assert store.look_up(sid(1), ADA) == Entries()
        assert store.look_up(sid(1), None) == Entries()
        assert store.count() == (0, 0)

    def test_a_denied_session_is_denied_alone(self, store: Store) -> None:
        """A denied id is denied for each subject, and denying it again changes nothing."""
        store.deny(denial(1), now=NOW)
        store.deny(denial(1), now=NOW)
        store.deny(denial(2, None), now=NOW)
        assert store.look_up(sid(1), ADA).denied
        assert store.look_up(sid(1), None).denied
        assert store.look_up(sid(2), None).denied
        assert not store.look_up(sid(3), ADA).denied
        assert store.count().denied == 2

    def test_session_ids_are_bytes(self, store: Store) -> None:
        """Any 16 of them: zeros, line ends, bytes that are no text."""
        for value in (bytes(16), b"\r\n" * 8, b"\xff" * 16, b"a" * 15 + b" "):
            store.deny(Denial(value, None, NOW, UNTIL), now=NOW)
            assert store.look_up(value, ADA).denied
        assert not store.look_up(b"a" * 15 + b"\0", None).denied

    def test_a_mark_is_five_seconds_ahead(self, store: Store) -> None:
        """A second one in the same second is one later, for another clock too."""
        assert store.mark(ADA, None, now=NOW, life=LIFE).instant == NOW + 5
        assert store.mark(ADA, None, now=NOW, life=LIFE).instant == NOW + 6
        assert store.mark(ADA, None, now=NOW - 2, life=LIFE).instant == NOW + 7
        mark = store.mark(ADA, None, now=NOW + 60, life=LIFE)
        assert mark[:3] == (NOW + 65, None, NOW + 65 + LIFE)
        assert store.look_up(sid(1), ADA) == Entries(mark=NOW + 65)
        assert store.look_up(sid(1), BOB) == Entries()
        assert store.look_up(sid(1), None) == Entries()
        assert store.count() == (0, 1)

    def test_a_mark_that_is_repeated_stays(self, store: Store) -> None:
        """A mark too far ahead stays, so that its subject can sign in; the spared id changes."""
        for ahead in range(5, 10):
            assert store.mark(ADA, spared(1), now=NOW, life=LIFE).instant == NOW + ahead
        position = None
        if store.capabilities.lists_changes:
            position = apply(RevocationEntries(), store.read(None))
        for number in (2, 2, 3):
            with pytest.raises(StoreError, match="repeat the call in 1 s"):
                store.mark(ADA, spared(number), now=NOW, life=LIFE)
            assert store.look_up(sid(1), ADA) == Entries(mark=NOW + 9, kept=sid(number))
        copy = RevocationEntries()
        if position is not None:
            copy.put_mark(ADA, Mark(NOW + 9, sid(1), NOW + 9 + LIFE, 5))
            apply(copy, store.read(position))
            assert copy.look_up(sid(1), ADA) == store.look_up(sid(1), ADA)
        assert store.mark(ADA, None, now=NOW + 1, life=LIFE).instant == NOW + 10
        everyone = store.revoke_all(now=NOW)
        assert store.mark(ADA, None, now=NOW, life=LIFE).instant == everyone + 1

    def test_a_mark_spares_one_session(self, store: Store) -> None:
        """The last call's, or none."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        assert store.look_up(sid(1), ADA).kept == sid(1)
        store.mark(ADA, spared(2), now=NOW, life=LIFE)
        assert store.look_up(sid(1), ADA).kept == sid(2)
        store.mark(ADA, None, now=NOW, life=LIFE)
        assert store.look_up(sid(1), ADA).kept is None

    def test_what_was_ended_is_not_spared(self, store: Store) -> None:
        """An ended session stays ended, even if a later mark spares it."""
        store.mark(ADA, spared(1, NOW), now=NOW, life=LIFE)
        store.mark(ADA, spared(2, NOW + 5), now=NOW, life=LIFE)
        assert store.look_up(sid(2), ADA) == Entries(mark=NOW + 6)
        store.mark(ADA, spared(3, NOW + 7), now=NOW, life=LIFE)
        assert store.look_up(sid(3), ADA) == Entries(mark=NOW + 7, kept=sid(3))
        store.mark(ADA, spared(3, NOW + 7), now=NOW, life=LIFE)
        assert store.look_up(sid(3), ADA) == Entries(mark=NOW + 8, kept=sid(3))

    def test_everyone_is_eleven_seconds_ahead(self, store: Store) -> None:
        """A second call in the same second fails, and changes nothing."""
        assert store.revoke_all(now=NOW) == NOW + 11
        for now in (NOW, NOW - 1):
            with pytest.raises(StoreError, match=f"repeat the call in {NOW + 1 - now} s"):
                store.revoke_all(now=now)
        assert store.look_up(sid(1), ADA) == Entries(everyone=NOW + 11)
        assert store.revoke_all(now=NOW + 1) == NOW + 12
        assert store.look_up(sid(1), None) == Entries(everyone=NOW + 12)

    def test_marks_and_everyone_are_after_each_other(self, store: Store) -> None:
        """A later mark or instant for everyone ends what began after a former one."""
        store.mark(BOB, None, now=NOW + 15, life=LIFE)
        assert store.revoke_all(now=NOW) == NOW + 21
        assert store.mark(ADA, None, now=NOW, life=LIFE).instant == NOW + 22
        assert store.mark(BOB, None, now=NOW, life=LIFE).instant == NOW + 22
        assert store.revoke_all(now=NOW) == NOW + 23

    def test_everyone_before_an_instant_is_exact(self, store: Store) -> None:
        """A session begun at that instant lives, and nothing is ever lowered."""
        assert store.revoke_before(NOW) == NOW - 1
        found = store.look_up(sid(1), ADA)
        assert [revokes(found, sid(1), start) for start in (NOW - 1, NOW)] == [True, False]
        assert store.revoke_before(NOW - 100) == NOW - 1
        assert store.look_up(sid(1), ADA).everyone == NOW - 1
        assert store.revoke_before(0) == NOW - 1

    def test_a_new_id_takes_over_what_spared_the_old(self, store: Store) -> None:
        """A new id is spared if the mark spared the old one, and only then."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        store.replace(denial(1), sid(2), now=NOW)
        found = store.look_up(sid(2), ADA)
        assert found == Entries(mark=NOW + 5, kept=sid(2))
        assert store.look_up(sid(1), ADA) == found._replace(denied=True)
        store.replace(denial(3, start=NOW + 6), sid(4), now=NOW)
        assert store.look_up(sid(4), ADA).kept == sid(2)
        store.replace(denial(5, BOB), sid(6), now=NOW)
        store.replace(denial(7, None), sid(8), now=NOW)
        assert store.look_up(sid(6), BOB) == Entries()
        assert store.count() == (4, 1)

    def test_a_denied_session_is_not_spared(self, store: Store) -> None:
        """The mark that spares it shields from that mark alone."""
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        store.deny(denial(1), now=NOW)
        assert revokes(store.look_up(sid(1), ADA), sid(1), NOW)
        store.mark(BOB, spared(2), now=NOW, life=LIFE)
        store.revoke_all(now=NOW)
        assert revokes(store.look_up(sid(2), BOB), sid(2), NOW)

    def test_create_leaves_alone_what_is_there(self, store: Store) -> None:
        """It can run at every start."""
        store.deny(denial(1), now=NOW)
        position = apply(RevocationEntries(), store.read(None))
        store.create()
        assert store.look_up(sid(1), None).denied
        assert apply(RevocationEntries(), store.read(position))[:1] == position[:1]

    def test_stores_of_their_own_share_nothing(self, new_store: Callable[[], Store]) -> None:
        """Each name is a list of its own."""
        one, other = new_store(), new_store()
        one.deny(denial(1), now=NOW)
        one.mark(ADA, None, now=NOW, life=LIFE)
        one.revoke_all(now=NOW)
        assert other.look_up(sid(1), ADA) == Entries()
        assert other.count() == (0, 0)

    # -- what ends -----------------------------------------------------------------------------

    def test_the_greatest_life_counts(self, store: Store) -> None:
        """That any writer has named: the others' entries must end its sessions too."""
        store.deny(denial(1)._replace(until=NOW + 10, life=10), now=NOW)
        store.deny(denial(2)._replace(until=NOW + LATE, life=LATE), now=NOW)
        store.deny(denial(3)._replace(until=NOW + 10, life=10), now=NOW)
        store.deny(denial(4)._replace(started_at=None, until=NOW + 10), now=NOW)
        store.replace(denial(5)._replace(until=NOW + 10), sid(6), now=NOW)
        store.mark(ADA, None, now=NOW, life=10)
        store.sweep(now=NOW + LATE - 5000)
        found = [store.look_up(sid(number), ADA).denied for number in range(1, 7)]
        assert found == [False, True, True, True, True, False]
        assert store.look_up(sid(1), ADA).mark == NOW + 5
        store.mark(BOB, None, now=NOW, life=2 * LATE)
        store.deny(denial(7)._replace(until=NOW + 10), now=NOW)
        store.sweep(now=NOW + 2 * LATE - 5000)
        assert store.look_up(sid(7), None).denied
        assert not store.look_up(sid(2), None).denied

    def test_sweeping_takes_what_has_ended(self, store: Store) -> None:
        """A sweep removes ended entries, and keeps the greatest mark and the instant for all."""
        store.mark(ADA, None, now=NOW, life=10)
        store.deny(denial(1, until=NOW + 10), now=NOW)
        store.deny(denial(2, until=NOW + LATE), now=NOW)
        store.mark(BOB, None, now=NOW, life=LATE)
        everyone = store.revoke_all(now=NOW)
        assert store.sweep(now=NOW + 10) == 0
        assert store.sweep(now=NOW + LATE - 5000) == 2
        assert store.count() == (1, 1)
        assert store.look_up(sid(2), ADA) == Entries(denied=True, everyone=everyone)
        assert store.look_up(sid(1), BOB) == Entries(mark=NOW + 5, everyone=everyone)

    def test_the_later_end_counts(self, store: Store) -> None:
        """The later end of a denial counts, in both orders."""
        for ends in ((10, LATE), (LATE, 10)):
            for end in ends:
                store.deny(denial(end, until=NOW + end), now=NOW)
                store.deny(denial(1, until=NOW + end), now=NOW)
        for ends in ((10, LATE), (LATE, 10)):
            for subject, lives in ((ADA, ends), (BOB, ends[::-1])):
                for life in lives:
                    store.mark(subject, None, now=NOW, life=life)
        store.sweep(now=NOW + LATE - 5000)
        assert store.look_up(sid(1), ADA).denied
        assert store.look_up(sid(1), ADA).mark == NOW + 8
        assert store.look_up(sid(1), BOB).mark == NOW + 8
        assert not store.look_up(sid(10), None).denied

    def test_sweeping_is_bounded(self, store: Store) -> None:
        """It takes as many as it may, and is called again for the rest."""
        for number in range(10):
            store.deny(denial(number, until=NOW + 10), now=NOW)
        counts = [store.sweep(now=NOW + LATE, limit=4) for _ in range(4)]
        assert counts == [4, 4, 2, 0]

    def test_what_has_long_ended_leaves_by_itself(self, store: Store) -> None:
        """Writing goes with sweeping, so a list that is used does not grow for ever."""
        for number in range(4):
            store.deny(denial(number, until=NOW + 10), now=NOW)
        store.deny(denial(9, until=NOW + 2 * LATE), now=NOW + LATE)
        assert store.count().denied == 1

    # -- reading along -------------------------------------------------------------------------

    def test_a_copy_says_what_the_store_says(self, store: Store) -> None:
        """All at first, then what changed; a second reading finds nothing new."""
        if not store.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        store.deny(denial(1), now=NOW)
        store.mark(ADA, spared(1), now=NOW, life=LIFE)
        copy = RevocationEntries()
        position = apply(copy, store.read(None))
        assert same(copy, store, map(sid, range(4)))
        store.deny(denial(2, None), now=NOW)
        store.replace(denial(0, start=NOW + 6), sid(3), now=NOW)
        store.mark(BOB, None, now=NOW, life=LIFE)
        store.revoke_all(now=NOW)
        position = apply(copy, store.read(position))
        assert same(copy, store, map(sid, range(4)))
        store.revoke_before(NOW + 1000)
        apply(copy, store.read(apply(copy, store.read(position))))
        assert same(copy, store, map(sid, range(4)))

    def test_changes_alone_suffice(self, store: Store) -> None:
        """A copy that began empty beside its store has heard all that was ever written."""
        if not store.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        copy = RevocationEntries()
        position = apply(copy, store.read(None))
        random = Random(5)  # noqa: S311  # no secret
        for step in range(60):
            number, subject = random.randrange(20), random.choice((ADA, BOB))
            what = random.randrange(5)
            with contextlib.suppress(Revoked, StoreError):
                if what == 0:
                    store.deny(denial(number, subject), now=NOW)
                elif what == 1:
                    store.mark(subject, spared(number), now=NOW + step, life=LIFE)
                elif what == 2:
                    one = denial(number, subject, start=NOW + LIFE)
                    store.replace(one, sid(step + 100), now=NOW)
                elif what == 3:
                    store.mark(subject, None, now=NOW, life=LIFE)
                else:
                    store.revoke_all(now=NOW)
            if random.random() < 0.5:
                position = apply(copy, store.read(position))
        apply(copy, store.read(position))
        assert same(copy, store, map(sid, [*range(20), *range(100, 160)]))

    def test_a_position_of_another_store_gives_everything(
        self, new_store: Callable[[], Store]
    ) -> None:
        """A position of another store gives everything, as after a failover to a new store."""
        one, other = new_store(), new_store()
        if not one.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        for number in range(5):
            one.deny(denial(number), now=NOW)
        position = apply(RevocationEntries(), one.read(None))
        other.deny(denial(9), now=NOW)
        copy = RevocationEntries()
        apply(copy, other.read(position))
        assert copy.look_up(sid(9), None).denied
        assert not copy.look_up(sid(1), None).denied

    def test_many_entries_come_in_batches(self, store: Store, small_batches: None) -> None:
        """None is lost between two of them."""
        if not store.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        copy, late = RevocationEntries(), RevocationEntries()
        position = apply(copy, store.read(None))
        for number in range(25):
            store.deny(denial(number), now=NOW)
            store.mark(key(number), spared(number), now=NOW, life=LIFE)
        apply(copy, store.read(position))
        apply(late, store.read(None))
        for number in range(25):
            found = store.look_up(sid(number), key(number))
            assert found.denied
            assert found == copy.look_up(sid(number), key(number))
            assert found == late.look_up(sid(number), key(number))

    # -- many at once --------------------------------------------------------------------------

    def test_marks_at_once_are_different(self, store: Store) -> None:
        """Each of those acknowledged in one second gets an instant of its own."""

        def mark(number: int) -> int | None:
            with contextlib.suppress(StoreError):
                return store.mark(ADA, spared(number), now=NOW, life=LIFE).instant
            return None

        with ThreadPoolExecutor(8) as pool:
            instants = [instant for instant in pool.map(mark, range(40)) if instant is not None]
        assert sorted(instants) == list(range(NOW + 5, NOW + 10))
        assert store.look_up(sid(1), ADA).mark == NOW + 9

    def test_marks_and_everyone_at_once(self, store: Store) -> None:
        """A revocation of all sessions gets a later instant than each mark before it."""

        def both(number: int) -> tuple[Mark, int] | None:
            mark = store.mark(key(number), None, now=NOW, life=LIFE)
            with contextlib.suppress(StoreError):
                return mark, store.revoke_all(now=NOW)
            return None

        with ThreadPoolExecutor(8) as pool:
            pairs = [pair for pair in pool.map(both, range(24)) if pair is not None]
        assert pairs
        assert all(mark.instant < everyone for mark, everyone in pairs)
        everyones = [everyone for _, everyone in pairs]
        assert len(set(everyones)) == len(everyones)

    def test_nothing_is_lost_to_who_reads_along(self, store: Store) -> None:
        """A replica that reads beside many writers has everything after the last write."""
        if not store.capabilities.lists_changes:
            pytest.skip("this store cannot be followed")
        copy = RevocationEntries()
        position = apply(copy, store.read(None))
        done = threading.Event()

        def write(number: int) -> None:
            for step in range(12):
                store.deny(denial(number * 100 + step), now=NOW)
                with contextlib.suppress(StoreError):
                    store.mark(ADA, spared(number), now=NOW, life=LIFE)

        def follow(position: Position) -> Position:
            while not done.is_set():
                position = apply(copy, store.read(position))
            return position

        with ThreadPoolExecutor(7) as pool:
            reader = pool.submit(follow, position)
            try:
                list(pool.map(write, range(6)))
            finally:
                done.set()
            apply(copy, store.read(reader.result()))
        sids = [sid(number * 100 + step) for number in range(6) for step in range(12)]
        assert same(copy, store, sids)
        assert copy.look_up(sid(0), ADA).mark == NOW + 9
