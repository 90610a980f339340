"""The poller: when its thread reads, what it outlives, and what a forked child finds."""

from __future__ import annotations

import logging
import os
import sys
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from tests.forks import fork
from tokensession.keys import poller as module
from tokensession.keys.poller import JITTER, Outcome, Poller

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds until what has to come is late
LONG = 3600  # seconds


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until another thread has done something."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.002)


class Reading:
    """A reading that is counted, and that fails when it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.error: BaseException | None = None
        self.failure: Exception | None = None
        self.threads: set[threading.Thread] = set()
        self.before: Callable[[], object] = bool
        self.tell: Callable[[], object] = bool

    def __call__(self) -> Outcome:
        """Read once."""
        self.count += 1
        self.threads.add(threading.current_thread())
        self.before()
        if self.error is not None:
            raise self.error
        return Outcome(self.failure, self.tell)


def is_idle(reading: Reading) -> bool:
    """Tell whether the thread that has read waits for its next reading.

    A fork in C while a thread waits for the interpreter's lock can leave a child that hangs.
    """
    frames = sys._current_frames()
    waits = [frames[thread.ident or 0].f_code.co_name == "wait" for thread in reading.threads]
    return bool(waits) and all(waits)


@pytest.fixture
def reading() -> Reading:
    """Return a reading."""
    return Reading()


def test_it_reads_at_once_and_when_it_is_woken(reading: Reading) -> None:
    """The first reading waits for nothing, because the one before a fork can be long ago."""
    poller = Poller(reading, 3600, LONG, name="test-poller")
    assert poller.running_in == 0
    poller.start()
    wait_for(lambda: reading.count == 1)
    poller.wake()
    wait_for(lambda: reading.count == 2)
    (thread,) = reading.threads
    assert (thread.name, thread.daemon) == ("test-poller", True)
    assert poller.running_in == os.getpid()
    poller.stop()
    assert not thread.is_alive()
    assert poller.running_in == 0


def test_it_reads_after_each_interval(reading: Reading) -> None:
    """Nothing has to wake the thread."""
    poller = Poller(reading, 0.001, LONG, name="test")
    poller.start()
    wait_for(lambda: reading.count > 3)
    poller.stop()


def test_a_fifth_of_the_interval_is_random(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes of a fleet spread their readings, and none waits longer than it was told."""
    waited: list[float] = []

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waited.append(timeout)
            return True

    with monkeypatch.context() as patch:
        # `Thread` has events of its own, which are made when the poller has its event already.
        patch.setattr(threading, "Event", Impatient)
        poller = Poller(reading, 100, LONG, name="test")
        poller._here()
    poller.start()
    wait_for(lambda: len(waited) > 200)
    poller.stop()
    assert 100 * (1 - JITTER) <= min(waited) < 85
    assert 95 < max(waited) <= 100


def test_it_outlives_what_a_reading_raises(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has one line when readings begin to fail, and one when they work again."""
    reading.error = ValueError("an observer failed")
    poller = Poller(reading, 0.001, LONG, name="test")
    poller.start()
    wait_for(lambda: reading.count > 3)
    reading.error = None
    wait_for(lambda: "work again" in caplog.text)
    poller.stop()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("ERROR", "test: unexpected error in a reading; polling continues"),
        ("WARNING", "test: readings work again"),
    ]
    assert "an observer failed" in caplog.text


def test_a_thread_that_has_died_is_started_again(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next use sees that no thread runs, also where the thread was ended by `SystemExit`."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # pytest would complain of it
    reading.error = SystemExit()
    poller = Poller(reading, 3600, LONG, name="test")
    poller.start()
    wait_for(lambda: poller.running_in == 0)
    reading.error = None
    poller.start()
    wait_for(lambda: reading.count == 2)
    poller.stop()
    assert len(reading.threads) == 2


def test_stopped_it_stays_so(reading: Reading) -> None:
    """Neither `start` nor a fork brings the thread back."""
    poller = Poller(reading, 3600, LONG, name="test")
    poller.stop()  # before it has started
    poller.start()
    assert poller.running_in == 0

    def check() -> None:
        poller.start()
        assert poller.running_in == 0

    assert fork(check)()
    assert reading.count == 0


def test_it_does_not_wait_for_itself(reading: Reading) -> None:
    """A reading can stop its own poller."""
    reading.before = lambda: poller.stop(None)
    poller = Poller(reading, 3600, LONG, name="test")
    poller.start()
    wait_for(lambda: poller.running_in == 0)


def test_a_stop_waits_as_long_as_it_is_told(reading: Reading) -> None:
    """A reading that hangs does not hold up the end of a process."""
    release = threading.Event()
    reading.before = lambda: release.wait(PATIENCE)
    poller = Poller(reading, 3600, LONG, name="test")
    poller.start()
    poller.stop(0.01)
    assert poller.running_in == os.getpid()
    release.set()
    wait_for(lambda: poller.running_in == 0)


def test_threads_that_start_it_at_once_share_one_thread(reading: Reading) -> None:
    """The first one starts it."""
    poller = Poller(reading, 0.001, LONG, name="test")
    barrier = threading.Barrier(8)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def start() -> None:
            barrier.wait()
            poller.start()

        starters = [threading.Thread(target=start) for _ in range(8)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
    finally:
        sys.setswitchinterval(interval)
    wait_for(lambda: reading.count > 3)
    poller.stop()
    assert len(reading.threads) == 1


def test_a_system_without_threads_to_give(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told, and the next call tries again."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    poller = Poller(reading, 3600, LONG, name="test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start"):
                poller.start()
    assert poller.running_in == 0
    poller.start()
    wait_for(lambda: reading.count == 1)
    poller.stop()


@pytest.mark.parametrize("hooks", [True, False])
def test_a_child_starts_its_own_thread(reading: Reading, *, hooks: bool) -> None:
    """A fork leaves the thread, and what it holds, with the parent."""
    poller = Poller(reading, 3600, LONG, name="test")
    poller.start()
    wait_for(lambda: is_idle(reading))

    def check() -> None:
        assert (poller.running_in == os.getpid()) is hooks
        poller.start()
        wait_for(lambda: reading.count == 2)
        assert poller.running_in == os.getpid()
        poller.wake()
        wait_for(lambda: reading.count == 3)
        poller.stop()

    here = poller._here()
    with here.starting, here.reading:  # as if other threads of the parent were at it
        held_in_child = fork(check, hooks=hooks)
    assert held_in_child()
    assert reading.count == 1
    poller.wake()
    wait_for(lambda: reading.count == 2)
    poller.stop()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Read it."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the clock of pollers."""
    clock = Clock()
    monkeypatch.setattr(module, "uptime", clock)
    return clock


def waiting_for_it() -> int:
    """Return how many threads wait for the reading of another."""
    frames = sys._current_frames().values()
    return sum(frame.f_code.co_name == "_catch_up" for frame in frames)


class TestRequests:
    """When a request reads in the thread's place."""

    def test_it_does_where_this_process_has_not_read(self, reading: Reading, clock: Clock) -> None:
        """A process reads before its first use, and not again while that reading is fresh."""
        poller = Poller(reading, 10, 60, name="test")
        due = poller.due()
        assert due is not None
        due()
        assert (reading.count, poller.read_at, poller.due()) == (1, 1000, None)
        clock.now += 59.9
        assert poller.due() is None
        clock.now += 0.1
        assert poller.due() is not None

    def test_it_does_not_after_a_failure_but_where_the_thread_stands_still(
        self, reading: Reading, clock: Clock
    ) -> None:
        """An outage costs no request more than a look; a thread that is late says nothing of it."""
        poller = Poller(reading, 10, 60, name="test")
        reading.failure = OSError("down")
        due = poller.due()
        assert due is not None
        due()
        for later, reads in ((0.0, False), (19.9, False), (20.0, True)):
            clock.now = 1000 + later
            assert (poller.due() is not None) is reads

    def test_all_who_wait_share_one(self, reading: Reading) -> None:
        """Threads that wait at the same time share the reading of the first one."""
        poller = Poller(reading, 3600, 60, name="test")
        waiting, release = threading.Event(), threading.Event()

        def before() -> None:
            waiting.set()
            release.wait(PATIENCE)

        reading.before = before
        dues = [poller.due() for _ in range(5)]
        requests = [threading.Thread(target=due) for due in dues if due is not None]
        assert len(requests) == 5
        for request in requests:
            request.start()
        assert waiting.wait(PATIENCE)
        wait_for(lambda: waiting_for_it() == 4)
        release.set()
        for request in requests:
            request.join()
        assert reading.count == 1
        assert poller.due() is None

    def test_nobody_waits_twice_for_a_source_that_hangs(
        self, reading: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who has waited in vain says so to the others, until the reading ends."""
        monkeypatch.setattr(module, "PATIENCE", 0.01)
        release = threading.Event()
        reading.before = lambda: release.wait(PATIENCE)
        poller = Poller(reading, 3600, 60, name="test")
        poller.start()
        wait_for(lambda: reading.count == 1)
        due = poller.due()
        assert due is not None
        due()
        assert poller.due() is None
        assert poller.read_at < 0
        release.set()
        wait_for(lambda: poller.read_at > 0)
        poller.stop()

    def test_a_stopped_one_reads_nothing(self, reading: Reading) -> None:
        """What was read stays, however old it is."""
        poller = Poller(reading, 10, 60, name="test")
        poller.stop()
        assert poller.due() is None

    def test_the_thread_tells_what_a_request_has_read(self, reading: Reading) -> None:
        """A callback that blocks holds up neither a request nor the next reading of one."""
        told, release = threading.Event(), threading.Event()

        def tell() -> None:
            told.set()
            release.wait(PATIENCE)

        reading.tell = tell
        poller = Poller(reading, 3600, 1e-9, name="test")
        poller.start()
        assert told.wait(PATIENCE)
        for _ in range(2):
            due = poller.due()
            assert due is not None
            due()
        assert reading.count == 3
        release.set()
        wait_for(lambda: reading.count > 3)
        poller.stop()

    def test_a_child_does_not_rely_on_its_parents_reading(self, reading: Reading) -> None:
        """A child relies neither on its parent's reading, however new, nor on its failure."""
        poller = Poller(reading, 3600, LONG, name="test")
        poller.start()
        wait_for(lambda: is_idle(reading))

        def check() -> None:
            poller.start()
            due = poller.due()
            if due is not None:  # else the thread was faster
                due()
            wait_for(lambda: poller.due() is None)
            assert reading.count > 1

        assert fork(check, hooks=False)()
        poller.stop()


def test_a_fault_that_stays_is_logged_once(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    """A line says that it begins, that another one does, and that all is well."""
    poller = Poller(reading, 3600, LONG, name="test")
    poller.report(None, "well")
    for fault in ("a", "a", "b", None, None, "a"):
        poller.report(fault, "now %s", fault, level=logging.ERROR if fault else logging.WARNING)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("ERROR", "now a"), ("ERROR", "now b"), ("WARNING", "now None"), ("ERROR", "now a"),
    ]  # fmt: skip
