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
from tokensession.keys.poller import JITTER, Poller

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # seconds until what has to come is late


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
        self.threads: set[threading.Thread] = set()

    def __call__(self) -> None:
        """Read once."""
        self.count += 1
        self.threads.add(threading.current_thread())
        if self.error is not None:
            raise self.error


@pytest.fixture
def reading() -> Reading:
    """Return a reading."""
    return Reading()


def test_it_reads_at_once_and_when_it_is_woken(reading: Reading) -> None:
    """The first reading waits for nothing, because the one before a fork can be long ago."""
    poller = Poller(reading, 3600, name="test-poller")
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
    poller = Poller(reading, 0.001, name="test")
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
        poller = Poller(reading, 100, name="test")
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
    poller = Poller(reading, 0.001, name="test")
    poller.start()
    wait_for(lambda: reading.count > 3)
    reading.error = None
    wait_for(lambda: "work again" in caplog.text)
    poller.stop()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("ERROR", "test: a reading failed unexpectedly; polling goes on"),
        ("WARNING", "test: readings work again"),
    ]
    assert "an observer failed" in caplog.text


def test_a_thread_that_has_died_is_started_again(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next use sees that no thread runs, also where the thread was ended by `SystemExit`."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # pytest would complain of it
    reading.error = SystemExit()
    poller = Poller(reading, 3600, name="test")
    poller.start()
    wait_for(lambda: poller.running_in == 0)
    reading.error = None
    poller.start()
    wait_for(lambda: reading.count == 2)
    poller.stop()
    assert len(reading.threads) == 2


def test_stopped_it_stays_so(reading: Reading) -> None:
    """Neither `start` nor a fork brings the thread back."""
    poller = Poller(reading, 3600, name="test")
    poller.stop()  # before it has started
    poller.start()
    assert (poller.running_in, poller.wanted) == (0, False)

    def check() -> None:
        poller.start()
        assert poller.running_in == 0

    assert fork(check)()
    assert reading.count == 0


def test_it_does_not_wait_for_itself() -> None:
    """A reading can stop its own poller."""

    def stop() -> None:
        poller.stop()

    poller = Poller(stop, 3600, name="test")
    poller.start()
    wait_for(lambda: poller.running_in == 0)


def test_a_stop_waits_as_long_as_it_is_told(reading: Reading) -> None:
    """A reading that hangs does not hold up the end of a process."""
    release = threading.Event()
    poller = Poller(lambda: release.wait(PATIENCE), 3600, name="test")
    poller.start()
    poller.stop(0.01)
    assert poller.running_in == os.getpid()
    release.set()
    wait_for(lambda: poller.running_in == 0)


def test_threads_that_start_it_at_once_share_one_thread(reading: Reading) -> None:
    """The first one starts it."""
    poller = Poller(reading, 0.001, name="test")
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

    poller = Poller(reading, 3600, name="test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start"):
                poller.start()
    assert (poller.running_in, poller.wanted) == (0, False)
    poller.start()
    wait_for(lambda: reading.count == 1)
    poller.stop()


def test_a_child_starts_its_own_thread(reading: Reading) -> None:
    """A fork leaves the thread and what it holds with the parent."""
    poller = Poller(reading, 0.001, name="test")
    poller.start()
    wait_for(lambda: reading.count > 0)

    def check() -> None:
        assert poller.wanted
        assert poller.running_in == 0
        reading.count = 0
        poller.start()
        wait_for(lambda: reading.count > 1)
        assert poller.running_in == os.getpid()
        poller.stop()

    with poller._lock:  # as if another thread of the parent were starting it
        held_in_child = fork(check)
    assert held_in_child()
    before = reading.count
    wait_for(lambda: reading.count > before)
    poller.stop()


def test_a_child_without_hooks_starts_its_own_thread(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UWSGI forks in C and runs no hook of Python: the id of the process tells."""
    poller = Poller(reading, 0.001, name="test")
    poller.start()
    wait_for(lambda: reading.count > 0)
    monkeypatch.setattr("tokensession.forks._calls", {})

    def check() -> None:
        assert poller.running_in != os.getpid()
        reading.count = 0
        poller.start()
        wait_for(lambda: reading.count > 1)

    assert fork(check)()
    poller.stop()


def test_a_fault_that_stays_is_logged_once(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    """A line says that it begins, that another one does, and that all is well."""
    poller = Poller(reading, 3600, name="test")
    poller.report(None, "well")
    for fault in ("a", "a", "b", None, None, "a"):
        poller.report(fault, "now %s", fault, level=logging.ERROR if fault else logging.WARNING)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("ERROR", "now a"), ("ERROR", "now b"), ("WARNING", "now None"), ("ERROR", "now a"),
    ]  # fmt: skip
