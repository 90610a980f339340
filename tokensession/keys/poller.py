"""A thread that polls: it calls a reading again and again, until it is stopped."""

from __future__ import annotations

import logging
import threading
from os import getpid
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from tokensession.forks import call_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

JITTER: Final = 0.2  # the part of the interval that is random, so that a fleet spreads its polls
_RANDOM: Final = SystemRandom()  # the application can seed its own generator, which stays as it is

_log = logging.getLogger("tokensession")


class Poller:
    """Calls a reading in a thread of its own: at once, and again after each interval.

    The thread is a daemon. It starts when `start` is called, and a forked child calls `start`
    again. What the reading raises is logged and never ends the thread.

    Args:
        poll: Reads once.
        interval: Seconds between two readings, at most; a fifth of it is random.
        name: The name of the thread, also in the log.

    Attributes:
        running_in: The id of the process in which the thread runs, or 0. Compare it with
            ``os.getpid()`` before a use: that is cheap, and also right in a child that was forked
            without Python's hooks.
        wanted: Whether `start` has succeeded and `stop` was not called, here or before a fork.
    """

    def __init__(self, poll: Callable[[], object], interval: float, *, name: str) -> None:
        self._poll = poll
        self._interval = interval
        self._name = name
        self._stopped = False
        self._fault: str | None = None
        self._raised = False
        self.wanted: bool = False
        self._begin()
        call_in_child(self, Poller._after_fork)

    def _begin(self) -> None:
        """Create what a process cannot inherit: the lock, the event and the thread."""
        self._pid = getpid()
        self._lock = threading.Lock()  # held while the thread starts, and when it ends
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.running_in: int = 0

    def _after_fork(self) -> None:
        if self._pid != getpid():  # else `start` was faster
            self._begin()

    def start(self) -> None:
        """Start the thread in this process, unless it runs or was stopped. Thread-safe.

        Raises:
            RuntimeError: The system cannot start a thread. The next call tries again.
        """
        self._after_fork()
        with self._lock:
            if self.running_in or self._stopped:
                return
            thread = threading.Thread(
                target=self._run, args=(self._wake,), name=self._name, daemon=True
            )
            thread.start()
            self._thread, self.running_in, self.wanted = thread, self._pid, True

    def wake(self) -> None:
        """Let the thread read now instead of at the end of its interval. Never waits."""
        self._wake.set()

    def stop(self, seconds: float | None = None) -> None:
        """Stop the thread for good, in this process and its children.

        Args:
            seconds: How long to wait for the thread; None waits until it ends.
        """
        self._after_fork()
        self._stopped, self.wanted = True, False
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

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

    def _run(self, wake: threading.Event) -> None:
        try:
            # At once, because the last reading can be long ago, before a fork.
            while not self._stopped:
                self._poll_once()
                wake.wait(self._interval * _RANDOM.uniform(1 - JITTER, 1))
                wake.clear()
        finally:
            # The next use starts a new thread, should this one have died.
            with self._lock:
                if self._thread is threading.current_thread():
                    self.running_in = 0

    def _poll_once(self) -> None:
        try:
            self._poll()
        except Exception:  # noqa: BLE001  # the thread outlives what callbacks and sources raise
            if not self._raised:
                _log.exception("%s: a reading failed unexpectedly; polling goes on", self._name)
            self._raised = True
        else:
            if self._raised:
                _log.warning("%s: readings work again", self._name)
            self._raised = False
