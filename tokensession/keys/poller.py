"""What follows a source: a thread that reads it again and again, and requests where that cannot.

A thread stands still while its process is frozen (a function between two calls, a suspended
machine, uWSGI without threads). So a request whose copy is too old reads in its place, once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from functools import partial
from math import inf
from random import SystemRandom
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.forks import PerProcess, call_in_child, forks_in_c, process_id, warn_of_uwsgi

if TYPE_CHECKING:
    from collections.abc import Callable

JITTER: Final = 0.2  # the part of the interval that is random, so that a fleet spreads its polls
PATIENCE: Final = 5.0  # seconds that a request waits at most for a reading that others make
_RANDOM: Final = SystemRandom()  # the application can seed its own generator, which stays as it is

_log = logging.getLogger("tokensession")

# Seconds on a clock that never goes back, and that counts while the machine is suspended.
uptime: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Outcome(NamedTuple):
    """What a reading has come to.

    Attributes:
        error: Why it failed, or None.
        tell: Tells the log and the application; it is called under no lock.
    """

    error: Exception | None
    tell: Callable[[], object]


class _Here:
    """What a process cannot inherit, and what it knows of its own readings."""

    def __init__(self) -> None:
        self.starting = threading.Lock()  # held while the thread starts, and when it ends
        self.reading = threading.Lock()
        self.wake = threading.Event()
        self.thread: threading.Thread | None = None
        self.ended = 0  # how many readings have
        self.has_read = self.failed = False
        self.late_at = -inf  # when the thread, should it run, has read again
        self.untold: deque[Callable[[], object]] = deque(maxlen=100)  # of readings of requests


class Poller:
    """Keeps something that is read as new as it must be.

    A thread reads at once, and again after each interval. It is a daemon; it starts with `start`,
    and in a forked child again. A use that comes after `fresh_until`, or in another process than
    `running_in`, starts it and makes the reading that `due` gives.

    Args:
        read: Reads once. It can raise any exception, which the log shows.
        interval: Seconds between two readings, at most; a fifth of it is random.
        bound: Seconds after the beginning of a good reading until which it counts.
        name: The name of the thread, also in the log.

    Attributes:
        running_in: The id of the process in which the thread runs, or 0.
        read_at: When the last good reading began, by `uptime`.
        fresh_until: Until when it counts. It holds in the process `running_in` alone.
    """

    def __init__(
        self, read: Callable[[], Outcome], interval: float, bound: float, *, name: str
    ) -> None:
        self._read = read
        self._interval = interval
        self._bound = bound
        self._name = name
        self._stopped = self._started = self._raised = False
        self._fault: str | None = None
        self._here = PerProcess(_Here)
        self.running_in: int = 0
        self.read_at: float = -inf
        self.fresh_until: float = -inf
        call_in_child(self, Poller._after_fork)

    def _after_fork(self) -> None:
        """Go on in a child; the next use tries again where the system has no thread to give."""
        if self._started:
            with contextlib.suppress(RuntimeError):
                self.start()

    # -- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread in this process, unless it runs or was stopped. Thread-safe.

        The process from which uWSGI forks its workers gets none: there, uses read by themselves.

        Raises:
            RuntimeError: The system cannot start a thread. The next call tries again.
        """
        here = self._here()
        with here.starting:
            if self.running_in == process_id() or self._stopped:
                return
            warn_of_uwsgi()
            if forks_in_c():
                return
            if not here.has_read:
                self.fresh_until = -inf  # that of the parent: it counts when this process has read
            thread = threading.Thread(target=self._run, args=(here,), name=self._name, daemon=True)
            thread.start()
            here.thread, self.running_in, self._started = thread, process_id(), True

    def wake(self) -> None:
        """Let the thread read now instead of at the end of its interval. Never waits."""
        self._here().wake.set()

    def stop(self, seconds: float | None = None) -> None:
        """Stop the thread for good, in this process and its children.

        Args:
            seconds: How long to wait for the thread; None waits until it ends.
        """
        here = self._here()
        self._stopped, self._started = True, False
        here.wake.set()
        thread = here.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

    def _run(self, here: _Here) -> None:
        try:
            # At once, because the last reading can be long ago, before a fork.
            while not self._stopped:
                self._poll_once(here)
                here.wake.wait(self._interval * _RANDOM.uniform(1 - JITTER, 1))
                here.wake.clear()
        finally:
            # The next use starts a new thread, should this one have died.
            with here.starting:
                if here.thread is threading.current_thread():
                    self.running_in = 0

    def _poll_once(self, here: _Here) -> None:
        try:
            while here.untold:
                here.untold.popleft()()
            self.read().tell()
        except Exception:  # noqa: BLE001  # the thread outlives all that it calls
            if not self._raised:
                _log.exception("%s: a reading failed unexpectedly; polling goes on", self._name)
            self._raised = True
        else:
            if self._raised:
                _log.warning("%s: readings work again", self._name)
            self._raised = False

    # -- reading -----------------------------------------------------------------------------

    @property
    def lags(self) -> bool:
        """Whether the next use is one that comes too late, or in another process."""
        return uptime() >= self.fresh_until or self.running_in != process_id()

    def confirm(self, begun: float, bound: float) -> None:
        """Note that a good reading began at `begun`, and counts for `bound` seconds."""
        self._here().has_read = True
        self.read_at, self.fresh_until = begun, begun + bound

    def read(self) -> Outcome:
        """Read now, in this thread; the caller tells the outcome."""
        here = self._here()
        with here.reading:
            return self._read_now(here)

    def due(self) -> Callable[[], None] | None:
        """Return the reading that a request must make before it goes on, or None.

        There is none where reading has just failed: the thread tries again. All who come meanwhile
        share one reading, and wait for it no longer than `PATIENCE`.
        """
        here, now = self._here(), uptime()
        if self._stopped or (here.has_read and now < self.fresh_until):
            return None
        return None if here.failed and now < here.late_at else self._catch_up

    def _catch_up(self) -> None:
        here = self._here()
        ended = here.ended
        if not here.reading.acquire(timeout=PATIENCE):
            here.failed = True  # so that nobody else waits for a source that hangs
            return
        try:
            if here.ended != ended:
                return
            outcome = self._read_now(here)
        finally:
            here.reading.release()
        if self.running_in == process_id():
            # The application is told by the thread: a callback that blocks blocks no request.
            here.untold.append(outcome.tell)
            here.wake.set()
        else:
            outcome.tell()

    def _read_now(self, here: _Here) -> Outcome:
        here.late_at = inf  # as long as it takes
        begun, failed = uptime(), True
        try:
            outcome = self._read()
            failed = outcome.error is not None
            if not failed:
                self.confirm(begun, self._bound)
            return outcome
        finally:
            here.failed = failed
            here.ended += 1
            here.late_at = uptime() + 2 * self._interval

    def report(
        self, fault: str | None, line: str, *arguments: object, level: int = logging.WARNING
    ) -> None:
        """Log a line when a fault begins, changes or ends; a fault that stays is logged once.

        Args:
            fault: Identifies the fault; None when the reading is well.
            line: The line, as for `logging`.
            arguments: The arguments of the line.
            level: The level of the line.
        """
        former, self._fault = self._fault, fault
        if fault != former:
            _log.log(level, line, *arguments)
