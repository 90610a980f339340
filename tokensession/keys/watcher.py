"""A ring that follows its source while the process runs (SPEC section 7).

All reading is done by a thread of its own, which starts on first use and again after a fork; a
request never waits for it. What becomes of the ring is decided in `succession`.
"""

from __future__ import annotations

import logging
import threading
import weakref
from dataclasses import dataclass, replace
from random import SystemRandom
from time import monotonic, time
from typing import TYPE_CHECKING, Final, Protocol, Self

from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.forks import call_in_child
from tokensession.keys.source import load_ring
from tokensession.keys.succession import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.source import KeySource

DEFAULT_REFRESH: Final = 60.0  # seconds
DEFAULT_COOLDOWN: Final = 10.0  # seconds
MAX_REFRESH: Final = 86400.0
JITTER: Final = 0.2  # the part of the interval that is random, so that a fleet spreads its polls
_RANDOM: Final = SystemRandom()  # the application's own generator may be seeded, and stays as it is
STOP_SECONDS: Final = 2 * DEFAULT_COOLDOWN  # sources give up earlier

_log = logging.getLogger("tokensession")


class Follower(Protocol):
    """What keeps something that is derived from the ring, and is told of each new one."""

    def follow(self, ring: KeyRing) -> None:
        """Take over a new ring."""
        ...

    def forget(self) -> None:
        """Drop it: this is a forked child, where the next use asks the watcher again."""
        ...


@dataclass(frozen=True, slots=True)
class WatcherStatus:
    """How a watcher fares, for metrics and health checks.

    Attributes:
        serial: Of the ring in use.
        changed_at: Unix second since which it is in use.
        confirmed_at: Unix second at which the source was last read and had nothing wrong.
        staleness: Seconds since then, by the monotonic clock.
        polls: How often the source was read.
        changes: How often the ring was replaced.
        failures: How often reading failed, or gave something that was not taken over.
        misses: How often an unknown key asked for a reload that was not cooling down.
        last_error: What is wrong now, or None; without secrets.
    """

    serial: int
    changed_at: int
    confirmed_at: int
    staleness: float
    polls: int = 0
    changes: int = 0
    failures: int = 0
    misses: int = 0
    last_error: str | None = None


class KeyRingWatcher:
    """The ring of a source, reloaded while the process runs; goes wherever a ring goes.

    The first ring is read here, so that a process without keys fails when it starts. From then on
    the last good ring stays in use whatever becomes of the source, and the log, the callback and
    `status` say what is wrong.

    A token under an unknown key is refused at once (its cookie stays) and asks for a reload in
    the background, at most once within the cool-down, whatever the kids are.

    Args:
        source: Where the document is.
        refresh: Seconds between two polls, at the most; a fifth of it is random.
        cooldown: Seconds between two reloads that unknown keys ask for; at most `refresh`.
        callback: Called in the watcher's thread when the ring or `last_error` has changed.

    Raises:
        ConfigError: Wrong arguments; or no document, or one that is refused.
        StoreError: The source cannot be reached.
    """

    def __init__(
        self,
        source: KeySource,
        refresh: float = DEFAULT_REFRESH,
        *,
        cooldown: float | None = None,
        callback: Callable[[WatcherStatus], None] | None = None,
    ) -> None:
        self._refresh = _checked("refresh", refresh, MAX_REFRESH)
        cooldown = min(DEFAULT_COOLDOWN, self._refresh) if cooldown is None else cooldown
        self._cooldown = _checked("cooldown", cooldown, self._refresh)
        self._source = source
        self._callback = callback
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._stopped = False
        self._ring = load_ring(source)
        self._confirmed = monotonic()
        at = int(time())
        self._status = WatcherStatus(self._ring.serial, at, at, 0.0, polls=1)
        self._misses = 0
        self._warm_at = 0.0  # monotonic second from which an unknown key may ask again
        self._begin()
        call_in_child(self, KeyRingWatcher._after_fork)

    def _begin(self) -> None:
        """Make what a process cannot inherit: locks, events, the thread."""
        self._lock = threading.Lock()  # guards the ring and who follows it
        self._reading = threading.Lock()  # one reader at a time
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ring(self) -> KeyRing:
        """The ring in use at the moment. Reading it starts nothing and waits for nothing."""
        return self._ring

    def status(self) -> WatcherStatus:
        """Return how the watcher fares at the moment."""
        staleness = max(0.0, monotonic() - self._confirmed)
        return replace(self._status, staleness=staleness, misses=self._misses)

    # -- what codecs use ---------------------------------------------------------------------

    def attach(self, follower: Follower) -> None:
        """See that the thread runs, and give a follower the ring in use and each that follows.

        Raises:
            StoreError: As for `start`; the follower has no ring then, and asks again.
        """
        self.start()
        with self._lock:
            self._followers.add(follower)
            follower.follow(self._ring)

    def missed(self) -> None:
        """Take note that a token came under a key that the ring does not list. Never waits."""
        now = monotonic()
        if now >= self._warm_at:
            self._warm_at = now + self._cooldown
            self._misses += 1
            self._wake.set()

    # -- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Start following, in this process, unless it has started or was stopped for good.

        Raises:
            StoreError: The system has no thread to give; the next call tries again.
        """
        with self._lock:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(
                    target=self._run, args=(self._wake,), name="tokensession-keys", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:
                    raise StoreError(f"{self._source.name}: not followed: {error}") from error
                self._thread = thread

    def stop(self) -> None:
        """Stop following, for good; the ring stays in use."""
        self._stopped = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)

    def __enter__(self) -> Self:
        """Return the watcher, which is stopped at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop following."""
        self.stop()

    def _run(self, wake: threading.Event) -> None:
        # At once, since the ring may have been read long ago, before a fork.
        while not self._stopped:
            self.reload()
            # No secret depends on it.
            wake.wait(self._refresh * _RANDOM.uniform(1 - JITTER, 1))
            wake.clear()

    def reload(self) -> bool:
        """Read the source now, in this thread, and wait for it.

        Returns:
            Whether the document is good: taken over, or the one in use.
        """
        with self._reading:
            try:
                verdict = judge(self._ring, self._source.name, self._source.read())
            except TokenSessionError as error:
                verdict = Verdict(self._ring, str(error))
            except Exception as error:  # noqa: BLE001  # a source of somebody else's must not end this
                verdict = Verdict(self._ring, f"{self._source.name}: {type(error).__name__}")
            self._take(verdict)
        return verdict.problem is None

    def _take(self, verdict: Verdict) -> None:
        former, status = self._ring, self._status
        if verdict.ring is not former:
            with self._lock:
                self._ring = verdict.ring
                for follower in list(self._followers):
                    follower.follow(verdict.ring)
            _log.warning(
                "%s: key ring replaced, serial %d after %d",
                self._source.name, verdict.ring.serial, former.serial,
            )  # fmt: skip
        changed = verdict.ring is not former
        now = int(time())
        if verdict.problem is None:
            self._confirmed = monotonic()
        self._status = replace(
            self._status,
            serial=verdict.ring.serial,
            changed_at=now if changed else status.changed_at,
            confirmed_at=now if verdict.problem is None else status.confirmed_at,
            polls=status.polls + 1,
            changes=status.changes + changed,
            failures=status.failures + (verdict.problem is not None),
            last_error=verdict.problem,
        )
        self._tell(status.last_error, verdict)
        if self._callback is not None and (changed or verdict.problem != status.last_error):
            try:
                self._callback(self.status())
            except Exception:  # noqa: BLE001  # whatever it was, following goes on
                _log.exception("the callback of a key ring watcher failed")

    def _tell(self, former_problem: str | None, verdict: Verdict) -> None:
        """Log what has changed: a fault once, not with every poll that finds it again."""
        if verdict.problem == former_problem:
            return
        if verdict.problem is None:
            _log.warning("%s: in order again, serial %d", self._source.name, verdict.ring.serial)
            return
        _log.log(
            logging.ERROR if verdict.conflict else logging.WARNING,
            "keys stay at serial %d: %s", verdict.ring.serial, verdict.problem,
        )  # fmt: skip

    def _after_fork(self) -> None:
        self._begin()
        for follower in list(self._followers):
            follower.forget()


def _checked(name: str, seconds: float, most: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= most:
        raise ConfigError(f"{name} must be a number of seconds above 0 and at most {most:g}")
    return seconds
