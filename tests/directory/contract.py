"""What every directory does, with the store of revocations beside it: each vendor inherits this."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.forks import fork
from tests.stores.samples import ADA, BOB, LATE, LIFE, NOW, denial, key, sid, spared
from tokensession.errors import Revoked, StoreError
from tokensession.revocation.decision import Successor
from tokensession.sessions.listing import Listing, Record, listed_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.directory.store import Store
    from tokensession.revocation.decision import Denial
    from tokensession.revocation.store import Store as Revocations

PROVIDER = bytes(range(32))
ROUNDS = 4


class Pair(NamedTuple):
    """A directory, and the store of revocations beside it."""

    directory: Store
    revocations: Revocations


def record(
    number: int,
    subject: bytes = ADA,
    *,
    start: int = NOW,
    seen: int | None = None,
    ends: int | None = None,
    label: str = "",
    provider: bytes | None = None,
) -> Record:
    """Return the record of a session."""
    one = sid(number)
    seen = start if seen is None else seen
    ends = seen + 1800 if ends is None else ends
    return Record(
        listed_id(one), one, subject, start, seen, ends, start + LIFE - 5, label, provider
    )


def ending(number: int, subject: bytes = ADA, listing: Listing | None = None) -> Denial:
    """Return a denial that removes a record, or lists another session."""
    return denial(number, subject)._replace(listing=listing or Listing())


class DirectoryContract:
    """Inherit, and give a fixture `new_pair` that makes an empty, created pair per call."""

    shared = True  # whether other processes see it

    @pytest.fixture
    def pair(self, new_pair: Callable[[], Pair]) -> Pair:
        """Give an empty directory."""
        return new_pair()

    @pytest.fixture
    def store(self, pair: Pair) -> Store:
        """Give an empty directory alone."""
        return pair.directory

    def listed(self, store: Store, subject: bytes = ADA, now: int = NOW) -> list[Record]:
        """Return the sessions of a subject."""
        return store.sessions(subject, now=now, after=None, limit=100)

    # -- what is listed ------------------------------------------------------------------------

    def test_an_empty_directory(self, store: Store) -> None:
        """It lists and finds nothing, and creating it again changes nothing."""
        store.create()
        assert self.listed(store) == []
        assert store.find(listed_id(sid(1)), now=NOW) is None
        assert store.of_provider(PROVIDER, now=NOW) == []
        assert store.count() == 0

    def test_a_record_comes_back_as_it_was(self, store: Store) -> None:
        """A record comes back with each of its parts, with any text and any bytes."""
        for number, label in enumerate(
            ("", "Firefox on Linux", "a\0b\n'\"%s", "ü€\U0001f600" * 50)
        ):
            subject = key(number)
            provider = PROVIDER if number % 2 else None
            one = record(number, subject, label=label, provider=provider)
            assert store.add(Listing(one), now=NOW).over == ()
            assert self.listed(store, subject) == [one]
            assert store.find(one.id, now=NOW) == one
        odd = Record(
            b"\r\n" * 8, bytes(16), b"\xff" * 32, 0, 0, NOW + 1, NOW + 2, "", b"\0" * 31 + b" "
        )
        store.add(Listing(odd), now=NOW)
        assert self.listed(store, odd.subject) == [odd]

    def test_the_newest_are_first(self, store: Store) -> None:
        """The list has only the subject's sessions, newest first, and equal starts by listed id."""
        starts = [NOW - 7, NOW, NOW - 3, NOW, NOW - 9_999, NOW]
        records = [record(n, start=start, ends=NOW + 60) for n, start in enumerate(starts)]
        for one in records:
            store.add(Listing(one), now=NOW)
        store.add(Listing(record(99, BOB)), now=NOW)
        expected = sorted(records, key=lambda one: (one.started_at, one.id), reverse=True)
        assert self.listed(store) == expected

    def test_pages(self, pair: Pair) -> None:
        """None is given twice, or lost, though sessions end between two pages."""
        store = pair.directory
        records = [record(n, start=NOW - n // 3, ends=NOW + 60) for n in range(20)]
        for one in records:
            store.add(Listing(one), now=NOW)
        expected = self.listed(store)
        found: list[Record] = []
        after = None
        while True:
            page = store.sessions(ADA, now=NOW, after=after, limit=3)
            if not page:
                break
            found += page
            after = page[-1].started_at, page[-1].id
            pair.revocations.deny(denial(0)._replace(sid=page[-1].sid, listing=Listing()), now=NOW)
        assert found == expected

    def test_what_is_over_is_not_listed(self, store: Store) -> None:
        """At its end it is gone, a second before it is there."""
        one = record(1, ends=NOW + 10, provider=PROVIDER)
        store.add(Listing(one), now=NOW)
        for at, there in ((NOW + 9, [one]), (NOW + 10, [])):
            assert self.listed(store, now=at) == there
            assert store.of_provider(PROVIDER, now=at) == there
            assert store.find(one.id, now=at) == (there[0] if there else None)

    def test_a_providers_sessions(self, pair: Pair) -> None:
        """All that were signed in with it, whosever they are, and no other."""
        store = pair.directory
        ours = [record(n, (ADA, BOB)[n % 2], provider=PROVIDER) for n in range(3)]
        for one in (*ours, record(8, provider=bytes(32)), record(9)):
            store.add(Listing(one), now=NOW)
        assert sorted(store.of_provider(PROVIDER, now=NOW)) == sorted(ours)
        pair.revocations.deny(ending(0), now=NOW)
        assert sorted(store.of_provider(PROVIDER, now=NOW)) == sorted(ours[1:])

    def test_directories_of_their_own_share_nothing(self, new_pair: Callable[[], Pair]) -> None:
        """Two directories share no session, and each knows its own store of revocations."""
        one, other = new_pair(), new_pair()
        one.directory.add(Listing(record(1)), now=NOW)
        assert self.listed(other.directory) == []
        assert one.directory.is_beside(one.revocations)
        assert not one.directory.is_beside(other.revocations)

    # -- what is seen --------------------------------------------------------------------------

    def test_a_session_that_is_seen(self, store: Store) -> None:
        """A sight moves the dates and keeps label and provider; the latest counts, in any order."""
        first = record(1, label="x", provider=PROVIDER)
        store.add(Listing(first), now=NOW)
        for seen, ends in ((NOW + 900, NOW + 2700), (NOW + 800, NOW + 9_000)):
            store.touch(record(1, seen=seen, ends=ends))
        (found,) = self.listed(store)
        assert found == first._replace(last_seen=NOW + 900, ends_at=NOW + 2700)
        store.touch(record(1, seen=NOW + 901, ends=NOW + 950))  # a shorter idle window
        assert self.listed(store, now=NOW + 950) == []
        assert self.listed(store, now=NOW + 949)[0].ends_at == NOW + 950

    def test_a_session_that_is_seen_for_the_first_time(self, store: Store) -> None:
        """One that began before there was a directory is added."""
        store.touch(record(1, seen=NOW + 9))
        assert self.listed(store) == [record(1, seen=NOW + 9)]

    def test_what_was_ended_does_not_come_back(self, pair: Pair) -> None:
        """A late renewal does not bring back an ended session."""
        pair.directory.add(Listing(record(1)), now=NOW)
        pair.revocations.deny(ending(1), now=NOW)
        pair.directory.touch(record(1, seen=NOW + 9))
        assert self.listed(pair.directory) == []
        assert pair.directory.find(listed_id(sid(1)), now=NOW) is None

    # -- what is ended -------------------------------------------------------------------------

    def test_a_denied_session_leaves(self, pair: Pair) -> None:
        """Its record is removed, by a node with a directory; by another it is not listed."""
        store = pair.directory
        for number in range(4):
            store.add(Listing(record(number)), now=NOW)
        pair.revocations.deny(ending(0), now=NOW)
        assert store.count() == 3
        pair.revocations.deny(denial(1), now=NOW)
        pair.revocations.deny(denial(2, None)._replace(started_at=None), now=NOW)
        assert self.listed(store) == [record(3)]

    @pytest.mark.parametrize("kept", [0, 2])
    def test_a_mark_ends_all_but_one(self, pair: Pair, kept: int) -> None:
        """Sessions begun after it are listed."""
        store = pair.directory
        for number in range(3):
            store.add(Listing(record(number, start=NOW - number, ends=NOW + 60)), now=NOW)
        store.add(Listing(record(9, BOB)), now=NOW)
        pair.revocations.mark(ADA, spared(kept), now=NOW, life=LIFE)
        kept_one = record(kept, start=NOW - kept, ends=NOW + 60)
        assert self.listed(store) == [kept_one]
        assert store.sessions(ADA, now=NOW, after=(NOW - kept, kept_one.id), limit=9) == []
        assert store.sessions(ADA, now=NOW, after=(NOW + 1, kept_one.id), limit=9) == [kept_one]
        later = record(5, start=NOW + 6)
        store.add(Listing(later), now=NOW)
        assert self.listed(store) == [later, kept_one]
        pair.revocations.deny(ending(kept), now=NOW)
        assert self.listed(store) == [later]
        assert self.listed(store, BOB) == [record(9, BOB)]

    def test_everyones_sessions_end(self, pair: Pair) -> None:
        """All that began up to the instant, with those that a mark spares."""
        store = pair.directory
        pair.revocations.mark(ADA, spared(1), now=NOW, life=LIFE)
        for number, start in ((1, NOW), (2, NOW + 6), (3, NOW + 50)):
            store.add(Listing(record(number, start=start)), now=NOW)
        pair.revocations.revoke_before(NOW + 1)
        assert [one.sid for one in self.listed(store)] == [sid(3), sid(2)]
        pair.revocations.revoke_all(now=NOW)
        assert [one.sid for one in self.listed(store)] == [sid(3)]

    def test_a_session_under_a_new_id(self, pair: Pair) -> None:
        """The record follows, with its label; a repeated call changes nothing."""
        store = pair.directory
        first = record(1, label="phone", provider=PROVIDER)
        store.add(Listing(first), now=NOW)
        moved = ending(1, listing=Listing(record(2, seen=NOW + 50)))
        expected = record(2, seen=NOW + 50, label="phone", provider=PROVIDER)
        for _ in range(2):
            pair.revocations.replace(moved, sid(2), now=NOW)
            assert self.listed(store) == [expected]
            assert store.of_provider(PROVIDER, now=NOW) == [expected]
            assert store.find(first.id, now=NOW) is None
            assert store.count() == 1
        pair.revocations.deny(ending(1), now=NOW)  # by its old id
        assert self.listed(store) == []
        with pytest.raises(Revoked):
            pair.revocations.replace(ending(2, listing=Listing(record(3))), sid(3), now=NOW)
        assert self.listed(store) == []

    def test_a_new_id_of_a_session_that_was_not_listed(self, pair: Pair) -> None:
        """One that began before there was a directory is added."""
        pair.revocations.replace(ending(1, listing=Listing(record(2))), sid(2), now=NOW)
        assert self.listed(pair.directory) == [record(2)]

    def test_a_sign_in_over_another(self, pair: Pair) -> None:
        """One record leaves and one comes in the same step; the same call again is a no-op."""
        store = pair.directory
        store.add(Listing(record(1, label="old")), now=NOW)
        new = record(2, BOB, label="new")
        told = ending(1, listing=Listing(new))._replace(successor=Successor(sid(2), BOB))
        first = pair.revocations.deny(told, now=NOW)
        assert first.denied == (sid(1),)
        assert pair.revocations.deny(told, now=NOW) == first
        assert (self.listed(store), self.listed(store, BOB)) == ([], [new])

    def test_the_answer_has_what_would_end_a_new_session(self, pair: Pair) -> None:
        """The mark of its subject and the instant for everyone, of which a node may be ignorant."""
        mark = pair.revocations.mark(ADA, None, now=NOW, life=LIFE)
        everyone = pair.revocations.revoke_all(now=NOW)
        done = pair.directory.add(Listing(record(1)), now=NOW)
        assert (done.everyone, done.mark, done.denied) == (everyone, mark, ())
        assert self.listed(pair.directory) == []
        pair.directory.add(Listing(record(1, start=everyone + 1)), now=NOW)
        assert self.listed(pair.directory) == [record(1, start=everyone + 1)]

    # -- the limit -----------------------------------------------------------------------------

    def test_the_oldest_beyond_the_limit_end(self, pair: Pair) -> None:
        """They are denied in that step, and the answer has them."""
        store = pair.directory
        records = [record(n, start=NOW - 50 + n) for n in range(6)]
        for one in records[:5]:
            assert store.add(Listing(one, 3), now=NOW).over == tuple(
                records[max(0, one.sid[-1] - 3) : max(0, one.sid[-1] - 2)]
            )
        assert self.listed(store) == records[4:1:-1]
        assert pair.revocations.look_up(sid(1), ADA).denied
        assert not pair.revocations.look_up(sid(2), ADA).denied
        done = store.add(Listing(records[5], 1), now=NOW)
        assert set(done.over) == set(records[2:5])
        assert self.listed(store) == [records[5]]
        assert store.add(Listing(records[5], 1), now=NOW).over == ()
        assert store.count() == 1

    def test_the_new_session_stays(self, store: Store) -> None:
        """A sign-in keeps the new session, also beside sessions from fast clocks."""
        for number in range(3):
            store.add(Listing(record(number, start=NOW + 5), 3), now=NOW)
        old = record(9, start=NOW)
        (ended,) = store.add(Listing(old, 3), now=NOW).over
        assert ended.id == min(record(number).id for number in range(3))
        assert old in self.listed(store)

    def test_only_what_lives_counts(self, pair: Pair) -> None:
        """Only the subject's live sessions count for the limit."""
        store = pair.directory
        for number in range(4):
            store.add(Listing(record(number)), now=NOW)
            store.add(Listing(record(number + 100, BOB)), now=NOW)
        pair.revocations.mark(ADA, spared(0), now=NOW, life=LIFE)
        pair.revocations.deny(denial(1), now=NOW)
        store.add(Listing(record(5, start=NOW + 6, ends=NOW + 7)), now=NOW)
        new = [record(number, start=NOW + 6) for number in (6, 7)]
        assert store.add(Listing(new[0], 2), now=NOW + 7).over == ()
        assert store.add(Listing(new[1], 2), now=NOW + 7).over == (record(0),)
        assert len(self.listed(store, BOB)) == 4

    def test_a_sign_in_over_another_counts_once(self, pair: Pair) -> None:
        """What it replaces is no longer one of those that the limit counts."""
        store = pair.directory
        for number in range(3):
            store.add(Listing(record(number, start=NOW + number), 3), now=NOW)
        told = ending(1, listing=Listing(record(7, start=NOW + 9), 3))
        assert pair.revocations.deny(told, now=NOW).over == ()
        assert len(self.listed(store)) == 3
        told = ending(99, listing=Listing(record(8, start=NOW + 9), 3))
        assert pair.revocations.deny(told, now=NOW).over == (record(0),)

    def test_a_limit_that_was_lowered(self, store: Store) -> None:
        """Each sign-in ends a hundred, so that none takes long."""
        for number in range(108):
            store.touch(record(number, start=NOW - number, ends=NOW + 60))
        assert len(store.add(Listing(record(200), 5), now=NOW).over) == 100
        assert len(store.add(Listing(record(201), 5), now=NOW).over) == 5
        assert len(self.listed(store)) == 5

    # -- what leaves ---------------------------------------------------------------------------

    def test_sweeping_takes_what_has_ended(self, store: Store) -> None:
        """A sweep removes up to its number of ended records, and none that was seen since."""
        for number in range(6):
            store.add(Listing(record(number, ends=NOW + 10)), now=NOW)
        store.touch(record(5, seen=NOW + 5, ends=NOW + LATE))
        assert store.sweep(now=NOW + 10) == 0
        assert [store.sweep(now=NOW + 11, limit=3) for _ in range(3)] == [3, 2, 0]
        assert store.count() == 1

    def test_what_has_long_ended_leaves_by_itself(self, store: Store) -> None:
        """A sign-in removes some, so a directory that is used does not grow for ever."""
        for number in range(5):
            store.add(Listing(record(number, provider=PROVIDER)), now=NOW)
        store.add(Listing(record(9, BOB, start=NOW + LATE)), now=NOW + LATE)
        assert store.count() == 1
        assert store.of_provider(PROVIDER, now=NOW) == []

    # -- at once -------------------------------------------------------------------------------

    def test_sign_ins_at_once_keep_the_limit(self, store: Store) -> None:
        """Sign-ins at the same time leave no more live sessions than the limit."""
        meet = Barrier(6)

        def sign_in(number: int) -> None:
            meet.wait()
            store.add(Listing(record(number), 5), now=NOW)

        with ThreadPoolExecutor(6) as pool:
            for first in range(0, 6 * ROUNDS, 6):
                list(pool.map(sign_in, range(first, first + 6)))
                assert len(self.listed(store)) == 5

    def test_a_session_that_ends_while_it_gets_a_new_id(self, pair: Pair) -> None:
        """It is listed under neither, once both calls are answered."""
        meet = Barrier(2)

        def replace(number: int) -> None:
            new = record(number + 1)
            meet.wait()
            with contextlib.suppress(Revoked):
                pair.revocations.replace(ending(number, listing=Listing(new)), new.sid, now=NOW)

        with ThreadPoolExecutor(1) as pool:
            for number in range(10, 10 + 2 * ROUNDS, 2):
                pair.directory.add(Listing(record(number)), now=NOW)
                replacing = pool.submit(replace, number)
                meet.wait()
                pair.revocations.deny(ending(number), now=NOW)
                replacing.result()
                assert self.listed(pair.directory) == []

    def test_processes_keep_the_limit(self, store: Store) -> None:
        """Sign-ins in several processes keep the limit."""
        if not self.shared:
            pytest.skip("each process has a store of its own")

        def sign_in(first: int) -> None:
            for number in range(first, first + 2 * ROUNDS):
                store.add(Listing(record(number), 3), now=NOW)

        held_in_child = fork(lambda: sign_in(1000))
        sign_in(2000)
        assert held_in_child()
        assert len(self.listed(store)) == 3

    # -- at random -----------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(2))
    def test_it_lists_as_the_smallest_directory_does(self, pair: Pair, seed: int) -> None:
        """Over random calls: exactly the sessions that the revocation list lets live."""
        random = Random(seed)  # noqa: S311  # no secret
        store, revocations = pair
        known: dict[bytes, Record] = {}
        now = NOW
        for number in range(48):
            now += random.randrange(4)
            subject = random.choice((ADA, BOB))
            new = record(number, subject, start=now, ends=now + random.choice((20, 1800)))
            old = random.choice([*known.values(), new])
            what = random.choice(("add", "add", "add", "deny", "over", "replace", "mark", "all"))
            if what == "add":
                limit = random.choice((None, 3))
                known[new.sid] = new
                for one in store.add(Listing(new, limit), now=now).over:
                    del known[one.sid]
            elif what == "deny":
                revocations.deny(ending(0)._replace(sid=old.sid), now=now)
                known.pop(old.sid, None)
            elif what == "over":
                told = ending(0, listing=Listing(new))._replace(sid=old.sid, subject=old.subject)
                revocations.deny(told, now=now)
                known.pop(old.sid, None)
                known[new.sid] = new
            elif what == "replace" and old is not new:
                moved = new._replace(
                    subject=old.subject, started_at=old.started_at, dies_at=old.dies_at
                )
                told = ending(0, old.subject, Listing(moved))
                told = told._replace(sid=old.sid, started_at=old.started_at)
                with contextlib.suppress(Revoked):
                    revocations.replace(told, new.sid, now=now)
                    del known[old.sid]
                    known[new.sid] = moved
            elif what == "mark":
                with contextlib.suppress(StoreError):
                    revocations.mark(subject, None, now=now, life=LIFE)
            elif what == "all" and random.random() < 0.3:
                revocations.revoke_before(now)
            for whose in (ADA, BOB) if number % 4 == 3 else ():
                expected = {
                    one
                    for one in known.values()
                    if one.subject == whose and now < one.ends_at and alive(revocations, one)
                }
                assert set(self.listed(store, whose, now)) == expected


def alive(revocations: Revocations, one: Record) -> bool:
    """Tell whether the list lets a session live."""
    found = revocations.look_up(one.sid, one.subject)
    ended = one.started_at <= max(found.everyone, found.mark if one.sid != found.kept else -1)
    return not found.denied and not ended
