"""A copy of a store in memory: checks are fast, and a few seconds old at most."""

from __future__ import annotations

import logging
import threading
from functools import partial
from math import inf
from time import time
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import PerProcess, process_id
from tokensession.format.seconds import fractional_seconds
from tokensession.keys.poller import Outcome, Poller, uptime
from tokensession.observer import SILENT, Observer, checked_observer, tell
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.limits import SWEEP_MARGIN
from tokensession.revocation.lookup import Check, WhenDown, check_word, checked_store

if TYPE_CHECKING:
    from datetime import timedelta

    from tokensession.format.claims import Subject
    from tokensession.revocation.decision import Entries
    from tokensession.revocation.store import Batch, Position, Store
    from tokensession.sessions.steps import Steps

REFRESH: Final = 1.0  # seconds between two readings
MAX_STALENESS: Final = 60.0  # seconds
# Seconds after which everything is read again. This is a last resort for a store whose changes its
# position does not show, such as one restored from a backup.
_WHOLE_AGAIN: Final = 3600.0

_log = logging.getLogger("tokensession")


class Replica(Check):
    """Follows a store, and checks in memory.

    Its thread starts with `read` or the first check, and again in each forked child. A revocation
    takes effect at once in the process that records it. In other processes it takes effect after
    about `refresh` seconds, and after at most `max_staleness`. The replica keeps its entries until
    they end, even if the store fails.

    A check reads the store itself if the thread could not: as the first check of its process, or
    after the process was suspended. Concurrent checks share one reading, which ends within the
    store's timeout. After a failed reading, checks do not wait for another.

    Args:
        store: The store to follow. It must list its changes.
        refresh: The time between two readings, in seconds or as a timedelta.
        max_staleness: The time after which the last good reading is stale, likewise.
        when_stale: What happens then. ``"deny"`` raises StoreError: adapters answer 503, and the
            session is not lost. ``"allow"`` continues with the known entries.
        observer: Receives events about readings and failures.

    Raises:
        ConfigError: The store cannot be followed, or an argument is out of range.
    """

    def __init__(
        self,
        store: Store,
        *,
        refresh: float | timedelta = REFRESH,
        max_staleness: float | timedelta = MAX_STALENESS,
        when_stale: WhenDown = "deny",
        observer: Observer = SILENT,
    ) -> None:
        self.store: Store = checked_store(store)
        if not store.capabilities.lists_changes:
            raise ConfigError("this store cannot list its changes: use Lookup(store)")
        refresh = fractional_seconds("refresh", refresh)
        max_staleness = fractional_seconds("max_staleness", max_staleness)
        if not 0 < refresh < max_staleness < inf:
            raise ConfigError(
                f"refresh must be above 0 and below max_staleness, not {refresh} and "
                f"{max_staleness} seconds"
            )
        check_word("when_stale", when_stale)
        self._max_staleness = max_staleness
        self._allow = when_stale == "allow"
        self._observer = checked_observer(observer)
        self._entries = RevocationEntries()
        self._position: Position | None = None
        self._epoch: str | None = None
        self._whole_at = -inf  # by `uptime`
        self._swept_at = 0  # Unix second; entries that ended an hour before it are gone
        self._lock = PerProcess(threading.Lock)  # held while entries are added
        self._poller = Poller(self._read, refresh, max_staleness, name="tokensession-replica")

    # -- checks --------------------------------------------------------------------------------

    def revoking(self, sid: bytes, started_at: int, subject: Subject) -> Steps[bool]:
        # The poller's `lags`, inlined for speed.
        if uptime() >= self._poller.fresh_until or self._poller.running_in != process_id():
            yield from self._freshening()
        return self._entries.revokes(sid, started_at, subject)

    def looking_up(self, sid: bytes, subject: bytes | None) -> Steps[Entries]:
        if self._poller.lags:
            yield from self._freshening()
        return self._entries.look_up(sid, subject)

    @property
    def staleness(self) -> float:
        """Seconds since the last good reading started; infinite before the first."""
        return uptime() - self._poller.read_at

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._entries.denied_count + self._entries.mark_count

    def _freshening(self) -> Steps[None]:
        """Read if the thread could not; refuse to check with stale entries."""
        self._start()
        reading = self._poller.due()
        if reading is not None:
            yield reading
        staleness = self.staleness
        if staleness < self._max_staleness or self._allow:
            return
        if staleness == inf:
            raise StoreError(
                "the copy of the revocation list was never read: see the log for the reason, and "
                "call read() when the service starts"
            )
        raise StoreError(
            f"the copy of the revocation list is {staleness:.0f} s old, more than max_staleness "
            f"({self._max_staleness:g} s): check that its store is reachable"
        )

    # -- following -----------------------------------------------------------------------------

    def read(self) -> None:
        """Read the changes now, or everything at first. Use it at a service's start, and in tests.

        From then on the replica follows its store.

        Raises:
            StoreError: The store could not be read completely. The entries that were read count.
        """
        outcome = self._poller.read()
        if outcome.error is not None:
            raise outcome.error
        self._start()
        outcome.tell()

    def _read(self) -> Outcome:
        """Read the changes of the store."""
        known = self._epoch
        try:
            skipped = self._follow(uptime(), int(time()))
        except Exception as error:  # noqa: BLE001  # a driver can raise any
            reason = str(error) if isinstance(error, StoreError) else type(error).__name__
            return Outcome(error, partial(self._failed, reason))
        return Outcome(None, partial(self._tell, skipped, anew=known not in (None, self._epoch)))

    def _follow(self, at: float, now: int) -> int:
        """Read the changes; return the number of invalid entries."""
        # A clock that was ahead for a while has swept entries that are needed again.
        swept_early = now < self._swept_at - SWEEP_MARGIN
        whole = swept_early or at - self._whole_at >= _WHOLE_AGAIN
        position: Position | None = None
        epoch, skipped = self._epoch, 0
        for batch in self.store.read(None if whole else self._position):
            self.hear(batch)
            if batch.position is not None:
                epoch = batch.epoch
            skipped += batch.skipped
            position = batch.position
        # Set last, so that a reading that fails half-way is repeated from its start.
        self._position, self._epoch = position, epoch
        if whole:
            self._whole_at = at
        with self._lock():
            self._entries.expire(now - SWEEP_MARGIN)
        self._swept_at = now if whole else max(now, self._swept_at)
        return skipped

    def _tell(self, skipped: int, *, anew: bool) -> None:
        self._poller.report(None, "the revocation list can be read again")
        if anew:
            _log.warning(
                "the revocation store was created anew: its former entries are kept here until "
                "they end, but new processes do not know them"
            )
        if skipped:
            _log.warning("%d invalid entries of the revocation store were skipped", skipped)
        tell(self._observer.replica_read, self.size, skipped)

    def hear(self, news: Batch) -> None:
        entries = self._entries
        with self._lock():
            for subject, mark in news.marks:
                entries.put_mark(subject, mark)
            for sid, until in news.denied:
                entries.deny(sid, until)
            entries.raise_to(everyone=news.everyone, highest=news.highest)

    def close(self) -> None:
        """Stop the thread."""
        self._poller.stop()

    def _start(self) -> None:
        try:
            self._poller.start()
        except RuntimeError as error:  # the next check tries again
            self._failed(str(error))

    def _failed(self, reason: str) -> None:
        # All reasons are one fault, so that an outage is logged once.
        self._poller.report("unread", "the revocation list cannot be read: %s", reason)
        tell(self._observer.store_failed, "read")
        tell(self._observer.replica_stale, self.staleness)
