"""A poller reads a source periodically in a thread; requests read it when the thread cannot.

The thread stops while its process is frozen (a function between two calls, a suspended machine,
uWSGI without threads). Then a request whose copy is too old reads once in its place.
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

JITTER: Final = 0.2  # the random part of the interval, which spreads a fleet's polls
PATIENCE: Final = 5.0  # the longest time in seconds that a request waits for another reader
_RANDOM: Final = SystemRandom()  # leaves the application's seeded generator alone

_log = logging.getLogger("tokensession")

# Seconds on a monotonic clock that also counts while the machine is suspended.
uptime: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Outcome(NamedTuple):
    """The result of a reading.

    Attributes:
        error: Why the reading failed, or None.
        tell: Informs the log and the application; called without a lock.
    """

    error: Exception | None
    tell: Callable[[], object]


class _Here:
    """The state of one process, which a fork must not copy."""

    def __init__(self) -> None:
        self.starting = threading.Lock()  # held while the thread starts, and when it ends
        self.reading = threading.Lock()
        self.wake = threading.Event()
        self.thread: threading.Thread | None = None
        self.ended = 0  # the number of finished readings
        self.has_read = self.failed = False
        self.late_at = -inf  # when the thread, if it runs, must have read again
        self.untold: deque[Callable[[], object]] = deque(maxlen=100)  # of requests' readings


class Poller:
    """Keeps the result of a reading fresh.

    A daemon thread reads at once, and again after each interval. `start` starts it, also in a
    forked child. A use is late if it comes after `fresh_until` or in a process other than
    `running_in`. A late use starts the thread and makes the reading that `due` returns.

    Args:
        read: Reads once. The log shows its exceptions.
        interval: The longest time between two readings, in seconds; a fifth of it is random.
        bound: Seconds for which a good reading counts, from its start.
        name: The name of the thread, also in the log.

    Attributes:
        running_in: The id of the process in which the thread runs, or 0.
        read_at: When the last good reading started, by `uptime`.
        fresh_until: When it no longer counts, in the process `running_in`.
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
        """Restart in a forked child; if the system refuses a thread, the next use tries again."""
        if self._started:
            with contextlib.suppress(RuntimeError):
                self.start()

    # -- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread in this process, unless it runs or was stopped. Thread-safe.

        No-op in the uWSGI master that forks the workers: uses read there.

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
                self.fresh_until = -inf  # the parent's; this process must read first
            thread = threading.Thread(target=self._run, args=(here,), name=self._name, daemon=True)
            thread.start()
            here.thread, self.running_in, self._started = thread, process_id(), True

    def wake(self) -> None:
        """Make the thread read now instead of at the end of its interval. Does not block."""
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
            # Read at once, because the last reading can be long ago, before a fork.
            while not self._stopped:
                self._poll_once(here)
                here.wake.wait(self._interval * _RANDOM.uniform(1 - JITTER, 1))
                here.wake.clear()
        finally:
            # If this thread died, the next use starts a new one.
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
                _log.exception("%s: unexpected error in a reading; polling continues", self._name)
            self._raised = True
        else:
            if self._raised:
                _log.warning("%s: readings work again", self._name)
            self._raised = False

    # -- reading -----------------------------------------------------------------------------

    @property
    def lags(self) -> bool:
        """Whether the next use is late or runs in another process."""
        return uptime() >= self.fresh_until or self.running_in != process_id()

    def confirm(self, begun: float, bound: float) -> None:
        """Record that a good reading started at `begun` and counts for `bound` seconds."""
        self._here().has_read = True
        self.read_at, self.fresh_until = begun, begun + bound

    def read(self) -> Outcome:
        """Read now, in this thread. The caller must call the outcome's `tell`."""
        here = self._here()
        with here.reading:
            return self._read_now(here)

    def due(self) -> Callable[[], None] | None:
        """Return the reading that a request must make before it continues, or None.

        After a failed reading it is None, because the thread retries. Concurrent requests share one
        reading and wait at most `PATIENCE` for it.
        """
        here, now = self._here(), uptime()
        if self._stopped or (here.has_read and now < self.fresh_until):
            return None
        return None if here.failed and now < here.late_at else self._catch_up

    def _catch_up(self) -> None:
        here = self._here()
        ended = here.ended
        if not here.reading.acquire(timeout=PATIENCE):
            here.failed = True  # so that no other request waits for a source that hangs
            return
        try:
            if here.ended != ended:
                return
            outcome = self._read_now(here)
        finally:
            here.reading.release()
        if self.running_in == process_id():
            # The thread tells the application, so that a blocking callback blocks no request.
            here.untold.append(outcome.tell)
            here.wake.set()
        else:
            outcome.tell()

    def _read_now(self, here: _Here) -> Outcome:
        here.late_at = inf  # however long the reading takes
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
        """Log a line when a fault starts, changes or ends; a lasting fault is logged once.

        Args:
            fault: Identifies the fault; None if the reading succeeded.
            line: The line, as for `logging`.
            arguments: The arguments of the line.
            level: The level of the line.
        """
        former, self._fault = self._fault, fault
        if fault != former:
            _log.log(level, line, *arguments)
