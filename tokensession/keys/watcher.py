"""A ring that follows its source while the process runs (SPEC section 7).

A thread reads. It starts on first use, and again after a fork. A request waits only where the ring
is older than the thread lets it become, as in a process that was frozen. `succession` decides what
becomes of the ring; users pull it from the watcher.
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
STOP_SECONDS: Final = 2 * DEFAULT_COOLDOWN  # sources give up earlier
# How many refreshes old a ring may be, for a reading can be slow, or fail once. One that this
# process has not read yet, but for the first time, counts for a single one.
_BOUND: Final = 3

_log = logging.getLogger("tokensession")


@dataclass(frozen=True, slots=True)
class WatcherStatus:
    """The health of a watcher, for metrics and health checks.

    Attributes:
        serial: Of the ring in use.
        changed_at: Unix second since which it is in use.
        confirmed_at: Unix second at which the source was last read and had nothing wrong.
        staleness: Seconds since then, by a clock that counts while the machine is suspended.
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
    """Follows the ring of a source while the process runs; pass it in place of a ring.

    The constructor reads the first ring, so that a process without keys fails when it starts. From
    then on the last good ring stays in use when the source fails. The log, the callback and
    `status` say what is wrong. A ring that was not confirmed for three refreshes is read again
    before it is used: the request waits for the source, but not for one that has just failed.

    A token under an unknown key is refused at once, and its cookie stays. It asks for a reload in
    the background, at most once within the cool-down for all kids together.

    Args:
        source: Where the document is.
        refresh: Seconds between two polls, at most, or a timedelta; a fifth of it is random.
        cooldown: Seconds between two reloads that unknown keys ask for, or a timedelta; at most
            `refresh`.
        callback: Called when the ring or `last_error` has changed, by the watcher's thread or
            by `reload`. It can use the watcher; what it raises is logged.

    Raises:
        ConfigError: Wrong arguments; or no document, or one that is refused.
        StoreError: The source cannot be reached.
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
        self._source = source
        self._callback = callback
        begun = uptime()
        self._ring = load_ring(source)
        at = int(time())
        self._status = WatcherStatus(self._ring.serial, at, at, 0.0, polls=1)
        self._misses = 0
        self._warm_at = 0.0  # second of `uptime` from which an unknown key may ask again
        self._poller = Poller(self._read, refresh, _BOUND * refresh, name="tokensession-keys")
        self._poller.confirm(begun, refresh)

    @property
    def ring(self) -> KeyRing:
        """The ring in use at the moment. Reading it starts nothing and waits for nothing."""
        return self._ring

    def status(self) -> WatcherStatus:
        """Return the watcher's health at the moment."""
        staleness = max(0.0, uptime() - self._poller.read_at)
        return replace(self._status, staleness=staleness, misses=self._misses)

    # -- what codecs use ---------------------------------------------------------------------

    def current(self) -> KeyRing:
        """Return the ring in use, confirmed lately.

        Codecs call this for each token. It takes no lock while the thread runs.

        Raises:
            StoreError: As for `start`: a ring that nothing follows is not used.
        """
        poller = self._poller  # its `lags` stands here, for speed
        if uptime() >= poller.fresh_until or poller.running_in != process_id():
            reading = self.due()
            if reading is not None:
                reading()
        return self._ring

    @property
    def lags(self) -> bool:
        """Whether the next use can wait for the source, as the ring was not confirmed lately."""
        return self._poller.lags

    def due(self) -> Callable[[], None] | None:
        """Return the reading that must come before a token is accepted, or None.

        Asynchronous adapters make it in a thread. Where it fails the ring stays.

        Raises:
            StoreError: As for `start`.
        """
        self.start()
        return self._poller.due()

    def missed(self) -> None:
        """Note a token under a key that the ring does not list. Never waits."""
        now = uptime()
        if now >= self._warm_at:
            self._warm_at = now + self._cooldown
            self._misses += 1
            self._poller.wake()

    # -- the thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Start following in this process; no-op when the watcher follows or was stopped.

        Raises:
            StoreError: The system cannot start a thread. The next call tries again.
        """
        try:
            self._poller.start()
        except RuntimeError as error:
            raise StoreError(f"{self._source.name}: not followed: {error}") from error

    def stop(self) -> None:
        """Stop following, for good; the ring stays in use."""
        self._poller.stop(STOP_SECONDS)

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

    def reload(self) -> bool:
        """Read the source now, in this thread, and wait for it.

        Returns:
            Whether the document is good: taken over, or the one in use.
        """
        outcome = self._poller.read()
        outcome.tell()
        return outcome.error is None

    def _read(self) -> Outcome:
        """Read the source, and take over what is good."""
        try:
            verdict = judge(self._ring, self._source.name, self._source.read())
        except TokenSessionError as error:
            verdict = Verdict(self._ring, str(error))
        except Exception as error:  # noqa: BLE001  # a source of an application can raise any
            verdict = Verdict(self._ring, f"{self._source.name}: {type(error).__name__}")
        former, last_error, problem = self._ring, self._status.last_error, verdict.problem
        self._take(verdict)
        return Outcome(
            None if problem is None else ConfigError(problem),
            partial(self._tell, verdict, former, last_error),
        )

    def _take(self, verdict: Verdict) -> None:
        """Use what a reading has brought."""
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
        """Log what a reading has brought, and call the callback where ring or problem changed."""
        changed = verdict.ring is not former
        if changed:
            _log.warning(
                "%s: key ring replaced, serial %d after %d",
                self._source.name, verdict.ring.serial, former.serial,
            )  # fmt: skip
        self._report(verdict)
        if self._callback is not None and (changed or verdict.problem != last_error):
            tell(self._callback, self.status())

    def _report(self, verdict: Verdict) -> None:
        """Log a fault when it begins and when it ends, not with every poll that finds it again."""
        report, problem, serial = self._poller.report, verdict.problem, verdict.ring.serial
        if problem is None:
            report(None, "%s: in order again, serial %d", self._source.name, serial)
        else:
            level = logging.ERROR if verdict.conflict else logging.WARNING
            report(problem, "keys stay at serial %d: %s", serial, problem, level=level)


def _checked(name: str, value: float | timedelta, most: float) -> float:
    seconds = fractional_seconds(name, value)
    if not 0 < seconds <= most:
        raise ConfigError(f"{name} must be above 0 and at most {most:g} seconds, not {seconds:g}")
    return seconds
