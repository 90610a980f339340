"""The replica: what it hears and when, what it keeps, and what it does when it hears nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from tests.forks import fork
from tests.revocation.asking import entries, revoked
from tests.stores.revocation_contract import ADA, LIFE, NOW, denial, key, sid, spared
from tokensession import ConfigError, KeyRing, Policy, Revoked, SessionCodec, StoreError
from tokensession.keys import poller
from tokensession.observer import Observer
from tokensession.revocation import replica as module
from tokensession.revocation.decision import Entries
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.replica import Replica
from tokensession.revocation.store import Batch, Capabilities, Position, Store
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.lookup import WhenDown

RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)
PATIENCE = 60  # seconds until what has to come is late


class Fragile(MemoryStore):
    """A store that can break when it is read, before or after its first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks: str | None = None

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give the batches, up to where it breaks."""
        if self.breaks == "before":
            raise StoreError("the store is down")
        if self.breaks == "oddly":
            raise RuntimeError("a driver fails in a way of its own")
        for batch in super().read(position):
            if batch.position is not None and self.breaks == "after":
                raise StoreError("the store went away")
            yield batch


class Watcher(Observer):
    """Writes down what it is told of a replica."""

    def __init__(self) -> None:
        self.read: list[tuple[int, int]] = []
        self.stale: list[float] = []
        self.failed: list[str] = []

    def replica_read(self, entries: int, skipped: int) -> None:
        """Note it."""
        self.read.append((entries, skipped))

    def replica_stale(self, seconds: float) -> None:
        """Note it."""
        self.stale.append(seconds)

    def store_failed(self, operation: str) -> None:
        """Note it."""
        self.failed.append(operation)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Read it."""
        return self.now


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day at which the entries of these tests are in force."""
    monkeypatch.setattr(module, "time", lambda: NOW)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock that replicas read."""
    clock = Clock()
    monkeypatch.setattr(module, "uptime", clock)
    monkeypatch.setattr(poller, "uptime", clock)
    return clock


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let replicas read only when they are told to."""
    monkeypatch.setattr(Replica, "_start", lambda self: None)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something that another thread does has happened."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)


def told(replica: Replica, number: int) -> bool | None:
    """Return whether a session is revoked, or None if the copy is too old on a busy machine."""
    try:
        return revoked(replica, sid(number), NOW, None)
    except StoreError:
        return None


def threads() -> list[threading.Thread]:
    """Return the threads of replicas."""
    return [thread for thread in threading.enumerate() if thread.name == "tokensession-replica"]


def is_idle(thread: threading.Thread) -> bool:
    """Tell whether a thread waits for its next reading."""
    return sys._current_frames()[thread.ident or 0].f_code.co_name == "wait"


def no_thread(_: threading.Thread) -> None:
    """Fail as a system does that has no thread to give."""
    raise RuntimeError("can't start new thread")


@pytest.mark.usefixtures("still")
class TestReading:
    def test_the_first_check_reads(self) -> None:
        """The first check reads the store, because the replica knows nothing before."""
        store = Fragile()
        store.deny(denial(1), now=NOW)
        assert revoked(Replica(store), sid(1), NOW, None)
        assert entries(Replica(store), sid(1), None).denied
        store.breaks = "before"
        replica = Replica(store)
        for _ in range(2):
            with pytest.raises(StoreError, match="was never read"):
                revoked(replica, sid(1), NOW, None)
        with pytest.raises(StoreError):
            entries(replica, sid(1), None)
        store.breaks = None
        replica.read()
        assert revoked(replica, sid(1), NOW, None)

    def test_it_says_what_the_store_says(self) -> None:
        """After each reading, and of what it revokes itself at once."""
        store = MemoryStore()
        replica, other = Replica(store), Replica(store)
        replica.read()
        other.read()
        store.deny(denial(1), now=NOW)
        replica.deny(denial(2), now=NOW)
        replica.mark(ADA, spared(3), now=NOW, life=LIFE)
        replica.replace(denial(3), sid(4), now=NOW)
        assert not revoked(replica, sid(1), NOW + 9, "ada")
        assert revoked(replica, sid(2), NOW + 9, "ada")
        assert revoked(replica, sid(3), NOW, "ada")
        assert not revoked(replica, sid(4), NOW, "ada")
        assert entries(replica, sid(5), ADA) == Entries(mark=NOW + 5, kept=sid(4))
        assert not revoked(other, sid(2), NOW, "ada")
        replica.read()
        other.read()
        for number in range(1, 6):
            assert entries(replica, sid(number), ADA) == store.look_up(sid(number), ADA)
            assert entries(other, sid(number), ADA) == store.look_up(sid(number), ADA)
        replica.revoke_before(NOW - 10)
        assert entries(replica, sid(9), None).everyone == NOW - 11
        replica.revoke_all(now=NOW)
        assert revoked(replica, sid(9), NOW + 11, None)
        assert replica.size == 4

    def test_a_reading_that_fails_is_done_again(self) -> None:
        """A failed reading is repeated from its beginning, and its first part counts already."""
        store = Fragile()
        replica = Replica(store)
        replica.read()
        store.deny(denial(1), now=NOW)
        store.breaks = "after"
        for _ in range(2):
            with pytest.raises(StoreError):
                replica.read()
        assert revoked(replica, sid(1), NOW, None)
        store.revoke_all(now=NOW)
        store.breaks = None
        replica.read()
        assert revoked(replica, sid(2), NOW, None)

    def test_an_emptied_store_takes_nothing_back(self, caplog: pytest.LogCaptureFixture) -> None:
        """After a failover to an empty one: all that was heard stays, and the new comes on top."""
        store, empty = MemoryStore(), MemoryStore()
        replica = Replica(store)
        store.deny(denial(1), now=NOW)
        store.mark(ADA, None, now=NOW, life=LIFE)
        replica.read()
        empty.deny(denial(2), now=NOW)
        replica.store = empty
        replica.read()
        assert "created anew" in caplog.text
        assert revoked(replica, sid(1), NOW + 9, None)
        assert revoked(replica, sid(2), NOW + 9, None)
        assert revoked(replica, sid(3), NOW, "ada")

    def test_everything_is_read_again_now_and_then(self, clock: Clock) -> None:
        """A replica reads everything once an hour, so it also hears of a change that was lost."""
        store = MemoryStore()
        replica = Replica(store)
        replica.read()
        store.deny(denial(1), now=NOW)
        store._changes[-1] = ("", Batch())  # the change is lost, the entry is there
        clock.now += 3599
        replica.read()
        assert not revoked(replica, sid(1), NOW, None)
        clock.now += 1
        replica.read()
        assert revoked(replica, sid(1), NOW, None)

    def test_what_has_ended_leaves(self) -> None:
        """An hour after its end: the memory is bounded by what is revoked within a lifetime."""
        store = MemoryStore()
        store.deny(denial(1, until=NOW - 3600 - 1025, start=NOW - LIFE), now=NOW - LIFE)
        store.deny(denial(2, until=NOW - 3600 + 1, start=NOW - LIFE), now=NOW - LIFE)
        replica = Replica(store)
        replica.read()
        assert replica.size == 1

    @pytest.mark.parametrize("ahead", [10 * LIFE, 3600 + LIFE + 1024 + 1])
    def test_a_clock_that_was_ahead(self, ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it swept by a wrong clock is read again once the clock is right."""
        store = MemoryStore()
        store.deny(denial(1), now=NOW)
        store.mark(ADA, None, now=NOW, life=LIFE)
        replica = Replica(store)
        replica.read()
        monkeypatch.setattr(module, "time", lambda: NOW + ahead)
        replica.read()
        monkeypatch.setattr(module, "time", lambda: NOW + 1)
        replica.read()
        assert revoked(replica, sid(1), NOW, None)
        assert revoked(replica, sid(2), NOW, "ada")

    def test_a_clock_that_is_put_right_a_little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A clock that is set back a little causes no full reading."""
        store = MemoryStore()
        replica = Replica(store)
        replica.read()
        store.deny(denial(1), now=NOW)
        store._changes[-1] = ("", Batch())  # so that only a reading of everything finds it
        for second, found in ((NOW - 3600, False), (NOW - 3601, True)):
            monkeypatch.setattr(module, "time", lambda second=second: second)
            replica.read()
            assert revoked(replica, sid(1), NOW, None) is found

    @pytest.mark.parametrize("heard", [True, False])
    def test_the_later_end_counts(self, heard: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
        """A mark by a service of shorter sessions keeps ending the longer ones of another."""
        store = MemoryStore()
        replica = Replica(store)
        store.mark(ADA, None, now=NOW, life=10 * LIFE)
        if heard:
            replica.read()
        replica.mark(ADA, None, now=NOW, life=LIFE)
        replica.read()
        monkeypatch.setattr(module, "time", lambda: NOW + 5 * LIFE)
        replica.read()
        assert revoked(replica, sid(1), NOW, "ada")

    def test_garbage_is_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        """Invalid entries are counted and reported, and the other entries are in force."""

        class Dirty(MemoryStore):
            def read(self, position: Position | None) -> Iterator[Batch]:
                yield Batch(skipped=2)
                yield from super().read(position)

        store, watcher = Dirty(), Watcher()
        store.deny(denial(1), now=NOW)
        replica = Replica(store, observer=watcher)
        replica.read()
        assert revoked(replica, sid(1), NOW, None)
        assert watcher.read == [(1, 2)]
        assert "2 invalid entries" in caplog.text


@pytest.mark.usefixtures("still")
class TestStaleness:
    def test_at_its_bound(self, clock: Clock) -> None:
        """At `max_staleness` a check reads once, and fails if that reading fails."""
        store = Fragile()
        replica = Replica(store, max_staleness=60)
        replica.read()
        store.breaks = "before"
        clock.now = 1059.9
        assert replica.staleness == pytest.approx(59.9)
        assert not revoked(replica, sid(1), NOW, None)
        for later in (60, 61.9):
            clock.now = 1000 + later
            with pytest.raises(StoreError, match=f"{later:.0f} s old, more than max_stale"):
                revoked(replica, sid(1), NOW, None)
        store.breaks = None
        store.deny(denial(1), now=NOW)
        replica.read()
        assert revoked(replica, sid(1), NOW, None)

    def test_after_a_pause_of_the_process(self, clock: Clock) -> None:
        """A function that was frozen between two calls answers, and from what is new."""
        store = Fragile()
        replica = Replica(store, max_staleness=60)
        replica.read()
        store.deny(denial(1), now=NOW)
        clock.now += 3600
        assert revoked(replica, sid(1), NOW, None)
        assert replica.staleness == 0
        # Also where the last reading had failed: the thread has not been able to try again.
        store.breaks = "before"
        clock.now += 60
        with pytest.raises(StoreError):
            revoked(replica, sid(1), NOW, None)
        store.breaks = None
        clock.now += 3600
        assert revoked(replica, sid(1), NOW, None)

    def test_it_counts_from_the_beginning_of_a_reading(self, clock: Clock) -> None:
        """What came while it was read may not be in it."""

        class Slow(MemoryStore):
            def read(self, position: Position | None) -> Iterator[Batch]:
                clock.now += 50
                return super().read(position)

        replica = Replica(Slow(), max_staleness=60)
        replica.read()
        assert replica.staleness == 50

    def test_going_on_where_that_is_said(self, clock: Clock) -> None:
        """With `when_stale="allow"` the replica goes on with what it has heard."""
        store = MemoryStore()
        replica = Replica(store, when_stale="allow")
        assert not revoked(replica, sid(1), NOW, None)
        store.deny(denial(1), now=NOW)
        replica.read()
        clock.now += 10_000
        assert revoked(replica, sid(1), NOW, None)
        assert not revoked(replica, sid(2), NOW, None)

    @pytest.mark.parametrize(
        ("refresh", "most"), [(0, 60), (-1, 60), (60, 60), (61, 60), (1, float("inf"))]
    )
    def test_arguments(self, refresh: float, most: float) -> None:
        """An interval that could never keep it fresh is refused."""
        with pytest.raises(ConfigError, match="below max_staleness"):
            Replica(MemoryStore(), refresh=refresh, max_staleness=most)

    def test_other_arguments(self) -> None:
        """Another word, no store, or one that lists no changes."""
        odd: Any = "perhaps"
        with pytest.raises(ConfigError, match=r"refresh must be a number .*, not str"):
            Replica(MemoryStore(), refresh=odd)
        with pytest.raises(ConfigError, match="max_staleness must be a number of seconds"):
            Replica(MemoryStore(), max_staleness=odd)
        with pytest.raises(ConfigError, match='"deny" or "allow"'):
            Replica(MemoryStore(), when_stale=odd)
        for check in (Replica, Lookup):
            with pytest.raises(ConfigError, match="observer must be an Observer, not str"):
                check(MemoryStore(), observer=odd)
            with pytest.raises(ConfigError, match="must be a revocation store"):
                check(odd)

        class Mute(MemoryStore):
            capabilities = Capabilities(durable=True, lists_changes=False)

        with pytest.raises(ConfigError, match="Lookup"):
            Replica(Mute())


class TestThread:
    def test_it_starts_with_the_first_check(self) -> None:
        """Constructing one reads nothing; after the first check it follows by itself."""
        store = MemoryStore()
        before = threading.active_count()
        replica = Replica(store, refresh=0.01)
        assert threading.active_count() == before
        with contextlib.suppress(StoreError):  # or its first reading was faster
            revoked(replica, sid(1), NOW, None)
        wait_for(lambda: replica.staleness < PATIENCE)
        store.deny(denial(1), now=NOW)
        wait_for(lambda: revoked(replica, sid(1), NOW, None))
        replica.close()
        assert threading.active_count() == before

    def test_it_starts_with_a_reading(self) -> None:
        """A reading starts the replica's thread, so a late first check is not stale."""
        store = MemoryStore()
        replica = Replica(store, refresh=0.01)
        replica.read()
        store.deny(denial(1), now=NOW)
        wait_for(lambda: replica.size == 1)  # before the first check

        def check() -> None:
            store.deny(denial(2), now=NOW)
            wait_for(lambda: replica.size == 2)

        assert fork(check)()
        replica.close()

    def test_closed_it_stays_so(self) -> None:
        """A closed replica stays closed, after a reading and after a fork."""
        replica = Replica(MemoryStore())
        replica.read()
        replica.close()
        before = threading.active_count()
        replica.read()
        child = os.fork()
        if child == 0:
            os._exit(threading.active_count())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        assert threading.active_count() == before

    def test_closed_it_stays_so_in_a_child(self) -> None:
        """A check there does not start it either: the copy is as old as it is."""
        replica = Replica(MemoryStore())
        replica.read()
        replica.close()

        def check() -> None:
            assert not revoked(replica, sid(1), NOW, None)
            assert threading.active_count() == 1

        assert fork(check)()

    def test_it_outlives_an_observer_that_raises(self, caplog: pytest.LogCaptureFixture) -> None:
        """The copy is read all the same; the log has one line, and not one for each reading."""

        class Broken(Watcher):
            def replica_read(self, entries: int, skipped: int) -> None:
                super().replica_read(entries, skipped)
                raise RuntimeError("no metrics today")

            def store_failed(self, operation: str) -> None:
                super().store_failed(operation)
                raise RuntimeError("no metrics today")

        store, broken = Fragile(), Broken()
        replica = Replica(store, refresh=0.01, observer=broken)
        replica.read()
        wait_for(lambda: len(broken.read) > 2)
        store.breaks = "before"
        wait_for(lambda: len(broken.failed) > 2)
        store.breaks = None
        store.deny(denial(1), now=NOW)
        wait_for(lambda: revoked(replica, sid(1), NOW, None))
        wait_for(lambda: "again" in caplog.text)
        replica.close()
        lines = [
            record.getMessage().partition(">.")[2] or record.getMessage()
            for record in caplog.records
        ]
        assert lines == [
            "Broken.replica_read raised an error",
            "the revocation list cannot be read: the store is down",
            "Broken.store_failed raised an error",
            "the revocation list can be read again",
        ]

    @pytest.mark.parametrize("how", ["before", "oddly"])
    def test_it_outlives_a_failing_store(self, how: str, caplog: pytest.LogCaptureFixture) -> None:
        """Each kind of failure is one warning an outage, and the replica goes on afterwards."""
        store, watcher = Fragile(), Watcher()
        replica = Replica(store, refresh=0.01, observer=watcher)
        replica.read()
        store.breaks = how
        assert not revoked(replica, sid(1), NOW, None)
        wait_for(lambda: len(watcher.stale) > 2)
        store.deny(denial(1), now=NOW)
        store.breaks = None
        wait_for(lambda: revoked(replica, sid(1), NOW, None))
        wait_for(lambda: "again" in caplog.text)
        replica.close()
        assert set(watcher.failed) == {"read"}
        assert [record.levelname for record in caplog.records] == ["WARNING"] * 2

    @pytest.mark.parametrize("word", ["deny", "allow"])
    def test_a_system_without_threads_to_give(
        self, word: WhenDown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Each check tries again, and reads by itself when the copy is too old."""
        store, watcher = Fragile(), Watcher()
        replica = Replica(store, refresh=0.01, max_staleness=0.1, when_stale=word, observer=watcher)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            wait_for(lambda: told(replica, 1) is False)
            assert (watcher.failed[0], watcher.read[0]) == ("read", (0, 0))
            store.deny(denial(1), now=NOW)
            wait_for(lambda: told(replica, 1) is True)
            assert "cannot be read: can't start new thread" in caplog.text
            store.breaks = "before"
            wait_for(lambda: replica.staleness > 0.1)
            with contextlib.suppress(StoreError) if word == "deny" else contextlib.nullcontext():
                assert revoked(replica, sid(1), NOW, None)
                assert word == "allow"
            store.breaks = None
        store.deny(denial(2), now=NOW)
        revoked(replica, sid(1), NOW, None)
        wait_for(lambda: replica.size == 2)
        replica.close()

    @pytest.mark.parametrize("hooks", [True, False])
    def test_a_child_has_a_thread_of_its_own(self, *, hooks: bool) -> None:
        """After a fork it keeps what it has heard, and goes on hearing."""
        store = Fragile()
        replica = Replica(store, refresh=0.01 if hooks else 3600, max_staleness=7200)
        store.deny(denial(1), now=NOW)
        replica.read()
        assert revoked(replica, sid(1), NOW, None)
        wait_for(lambda: all(map(is_idle, threads())))

        def check() -> None:
            store.deny(denial(2), now=NOW)
            assert revoked(replica, sid(1), NOW, None)
            wait_for(lambda: revoked(replica, sid(2), NOW, None))

        here = replica._poller._here()
        with here.reading, replica._lock():  # as if the parent were reading at this moment
            held_in_child = fork(check, hooks=hooks)
        held = held_in_child()
        replica.close()
        assert held
        assert not revoked(replica, sid(2), NOW, None)

    def test_checks_do_not_wait_while_a_store_is_down(self) -> None:
        """Only one reading waits for a store that is down, and the checks do not."""

        class Hanging(Fragile):
            def read(self, position: Position | None) -> Iterator[Batch]:
                reads.append(threading.current_thread())
                return super().read(position)

        reads: list[threading.Thread] = []
        store = Hanging()
        store.breaks = "before"
        replica = Replica(store, refresh=3600, max_staleness=7200)
        for _ in range(20):
            with pytest.raises(StoreError, match="was never read"):
                revoked(replica, sid(1), NOW, None)
        assert len(reads) <= 2
        replica.close()


def test_the_codec_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale one means no session, with no word of the closed list; its store is not asked."""
    monkeypatch.setattr(Replica, "_start", lambda self: None)
    store = MemoryStore()
    replica = Replica(store)
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=replica)
    token = codec.encode({}, subject="ada", now=NOW)
    monkeypatch.setattr(store, "look_up", None)
    session = codec.decode(token, now=NOW)
    codec.revoke(session, now=NOW)
    with pytest.raises(Revoked):
        codec.decode(token, now=NOW)


@pytest.mark.parametrize("name", ["new_sqlite", "new_postgres", "new_valkey", "new_redis"])
def test_it_follows_real_stores(name: str, request: pytest.FixtureRequest) -> None:
    """A replica follows each real store in its thread, from the first check on."""
    store: Store = request.getfixturevalue(name)()
    replica = Replica(store, refresh=0.01)
    replica.read()
    store.deny(denial(1), now=NOW)
    store.mark(key("bob"), spared(3), now=NOW, life=LIFE)
    wait_for(lambda: revoked(replica, sid(1), NOW, None))
    wait_for(lambda: revoked(replica, sid(2), NOW, "bob"))
    assert not revoked(replica, sid(3), NOW, "bob")
    store.revoke_all(now=NOW)
    wait_for(lambda: revoked(replica, sid(3), NOW, "bob"))
    replica.close()
