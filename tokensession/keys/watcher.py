"""A ring that follows its source while the process runs (SPEC section 7).

A thread reads the source. It starts on first use, and again after a fork. A request waits only if
the ring is older than the running thread would let it become, for example after the process was
frozen. `succession` decides how the ring changes. Users ask the watcher for the ring.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Final, Self

from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.forks import process_id
from tokensession.format.seconds import fractional_seconds
from tokensession.keys.poller import Outcome, Poller, uptime
from tokensession.keys.source import KeySource, load_ring
from tokensession.keys.succession import Verdict, judge
from tokensession.observer import tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from types import TracebackType

    from tokensession.keys.ring import KeyRing

DEFAULT_REFRESH: Final = 60.0  # seconds
DEFAULT_COOLDOWN: Final = 10.0  # seconds
MAX_REFRESH: Final = 86400.0
STOP_SECONDS: Final = 2 * DEFAULT_COOLDOWN  # sources give up sooner
# How many refreshes old a ring can be, because a reading can be slow or fail once. The parent's
# reading counts for one refresh in a child.
_BOUND: Final = 3

_log = logging.getLogger("tokensession")


@dataclass(frozen=True, slots=True)
class WatcherStatus:
    """The health of a watcher, for metrics and health checks.

    Attributes:
        serial: The serial of the ring in use.
        changed_at: Unix second since which it is in use.
        confirmed_at: Unix second of the last reading without a problem.
        staleness: Seconds since then, by a clock that counts while the machine is suspended.
        polls: How often the source was read.
        changes: How often the ring was replaced.
        failures: How often a reading failed or its document was refused.
        misses: How often an unknown key started a reload (outside the cool-down).
        last_error: The current problem, without secrets, or None.
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
    """Follows the ring of a source while the process runs; pass it in place of a ring.

    The constructor reads the first ring, so a process without keys fails at its start. After that
    the last good ring stays in use if the source fails. The log, the callback and `status` report
    the problem. If a ring was not confirmed for three refreshes, the next request reads the source
    first. It does not wait for a source that has just failed. The thread runs until `stop`, also if
    nothing else refers to the watcher.

    A token under an unknown key is refused at once, and its cookie stays. It starts a reload in the
    background, at most once per cool-down for all kids together.

    Args:
        source: Where the document is.
        refresh: The longest time between two polls, in seconds or as a timedelta; a fifth of it is
            random.
        cooldown: The time between two reloads for unknown keys, in seconds or as a timedelta; at
            most `refresh`.
        callback: Called when the ring or `last_error` has changed, by the watcher's thread or by
            `reload`. It can use the watcher; its exceptions are logged.

    Raises:
        ConfigError: An argument is invalid, or the document is missing or invalid.
        StoreError: The source is unreachable.
    """

    def __init__(
        self,
        source: KeySource,
        refresh: float | timedelta = DEFAULT_REFRESH,
        *,
        cooldown: float | timedelta | None = None,
        callback: Callable[[WatcherStatus], None] | None = None,
    ) -> None:
        refresh = _checked("refresh", refresh, MAX_REFRESH)
        cooldown = min(DEFAULT_COOLDOWN, refresh) if cooldown is None else cooldown
        self._cooldown = _checked("cooldown", cooldown, refresh)
        if isinstance(source, type) or not hasattr(source, "read"):
            raise ConfigError(
                f"source must be a key source, not {type(source).__name__}: call "
                "KeyRing.follow(path), or pass stores.connect(url).keys()"
            )
        if callback is not None and not callable(callback):
            raise ConfigError(f"callback must be a function, not {type(callback).__name__}")
        self._source = source
        self._callback = callback
        begun = uptime()
        self._ring = load_ring(source)
        at = int(time())
        self._status = WatcherStatus(self._ring.serial, at, at, 0.0, polls=1)
        self._misses = 0
        self._warm_at = 0.0  # second of `uptime` from which an unknown key can start a reload
        self._poller = Poller(self._read, refresh, _BOUND * refresh, name="tokensession-keys")
        self._poller.confirm(begun, refresh)

    @property
    def ring(self) -> KeyRing:
        """The ring in use now. Reading it starts nothing and does not block."""
        return self._ring

    def status(self) -> WatcherStatus:
        """Return the watcher's current health."""
        staleness = max(0.0, uptime() - self._poller.read_at)
        return replace(self._status, staleness=staleness, misses=self._misses)

    # -- what codecs use ---------------------------------------------------------------------

    def current(self) -> KeyRing:
        """Return the ring in use, recently confirmed.

        Codecs call this for each token. It takes no lock while the thread runs.

        Raises:
            StoreError: As for `start`, because a ring that is not followed must not be used.
        """
        poller = self._poller  # inlined `lags`, for speed
        if uptime() >= poller.fresh_until or poller.running_in != process_id():
            reading = self.due()
            if reading is not None:
                reading()
        return self._ring

    @property
    def lags(self) -> bool:
        """Whether the next use can wait for the source, because the ring is not confirmed."""
        return self._poller.lags

    def due(self) -> Callable[[], None] | None:
        """Return the reading to make before a token is accepted, or None.

        Asynchronous adapters run it in a thread. If it fails, the ring stays in use.

        Raises:
            StoreError: As for `start`.
        """
        self.start()
        return self._poller.due()

    def missed(self) -> None:
        """Record a token under a key that the ring does not list. Does not block."""
        now = uptime()
        if now >= self._warm_at:
            self._warm_at = now + self._cooldown
            self._misses += 1
            self._poller.wake()

    # -- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Start following in this process; no-op if the watcher follows already or was stopped.

        Raises:
            StoreError: The system cannot start a thread. The next call tries again.
        """
        try:
            self._poller.start()
        except RuntimeError as error:
            raise StoreError(f"{self._source.name}: cannot be followed: {error}") from error

    def stop(self) -> None:
        """Stop following for good; the ring stays in use."""
        self._poller.stop(STOP_SECONDS)

    def __enter__(self) -> Self:
        """Return the watcher; the end of the block stops it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop following."""
        self.stop()

    def reload(self) -> bool:
        """Read the source now, in this thread, and wait for it.

        Returns:
            Whether the document is good: new, or the one in use.
        """
        outcome = self._poller.read()
        outcome.tell()
        return outcome.error is None

    def _read(self) -> Outcome:
        """Read the source, and use a good document."""
        try:
            verdict = judge(self._ring, self._source.name, self._source.read())
        except TokenSessionError as error:
            verdict = Verdict(self._ring, str(error))
        except Exception as error:  # noqa: BLE001  # an application's source can raise any
            verdict = Verdict(self._ring, f"{self._source.name}: {type(error).__name__}")
        former, last_error, problem = self._ring, self._status.last_error, verdict.problem
        self._take(verdict)
        return Outcome(
            None if problem is None else ConfigError(problem),
            partial(self._tell, verdict, former, last_error),
        )

    def _take(self, verdict: Verdict) -> None:
        """Use the result of a reading."""
        status, now = self._status, int(time())
        changed = verdict.ring is not self._ring
        self._ring = verdict.ring
        self._status = replace(
            status,
            serial=verdict.ring.serial,
            changed_at=now if changed else status.changed_at,
            confirmed_at=now if verdict.problem is None else status.confirmed_at,
            polls=status.polls + 1,
            changes=status.changes + changed,
            failures=status.failures + (verdict.problem is not None),
            last_error=verdict.problem,
        )

    def _tell(self, verdict: Verdict, former: KeyRing, last_error: str | None) -> None:
        """Log the result of a reading; call the callback if the ring or the problem changed."""
        changed = verdict.ring is not former
        if changed:
            _log.warning(
                "%s: new key ring, serial %d replaces %d",
                self._source.name, verdict.ring.serial, former.serial,
            )  # fmt: skip
        self._report(verdict)
        if self._callback is not None and (changed or verdict.problem != last_error):
            tell(self._callback, self.status())

    def _report(self, verdict: Verdict) -> None:
        """Log a fault when it starts and when it ends, not with every poll."""
        report, problem, serial = self._poller.report, verdict.problem, verdict.ring.serial
        if problem is None:
            report(None, "%s: recovered, serial %d", self._source.name, serial)
        else:
            level = logging.ERROR if verdict.conflict else logging.WARNING
            report(problem, "keys stay at serial %d: %s", serial, problem, level=level)


def _checked(name: str, value: float | timedelta, most: float) -> float:
    seconds = fractional_seconds(name, value)
    if not 0 < seconds <= most:
        raise ConfigError(f"{name} must be above 0 and at most {most:g} seconds, not {seconds:g}")
    return seconds
