"""A copy of a store in this process: a check is a look into memory, some seconds old at most."""

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
from tokensession.observer import SILENT, Observer, tell
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
# Seconds after which everything is read again, as a last resort against a store that lost its
# order in a way that its position does not show, such as one restored from a backup.
_WHOLE_AGAIN: Final = 3600.0

_log = logging.getLogger("tokensession")


class Replica(Check):
    """Follows a store, and answers from memory.

    Its thread starts with `read` or with the first check, whichever is first, and then again in
    each child after a fork. What this process revokes is in force in it at once; elsewhere after
    about `refresh` seconds, and after `max_staleness` at the latest. It keeps what it has heard
    until that has ended by itself, whatever becomes of the store.

    A check reads by itself where the thread could not: as the first one of its process, and after
    a pause of the whole process. All checks at that moment share one reading, which ends within
    the store's timeout. Where reading has just failed they do not wait for another.

    Args:
        store: The store to follow; it must list its changes.
        refresh: Seconds between two readings, or a timedelta.
        max_staleness: Seconds since the last good reading began after which it is stale, or a
            timedelta.
        when_stale: What that means: ``"deny"`` raises StoreError (adapters answer 503, and the
            session is not lost); ``"allow"`` goes on with what it has heard.
        observer: Is told of readings and failures.

    Raises:
        ConfigError: A store that cannot be followed, or arguments out of range.
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
        self._observer = observer
        self._entries = RevocationEntries()
        self._position: Position | None = None
        self._epoch: str | None = None
        self._whole_at = -inf  # by `uptime`
        self._swept_at = 0  # Unix second: entries that had ended an hour before it are gone
        self._lock = PerProcess(threading.Lock)  # held while entries are added
        self._poller = Poller(self._read, refresh, max_staleness, name="tokensession-replica")

    # -- asking --------------------------------------------------------------------------------

    def revoking(self, sid: bytes, started_at: int, subject: Subject) -> Steps[bool]:
        # The poller's `lags` stands here, for speed.
        if uptime() >= self._poller.fresh_until or self._poller.running_in != process_id():
            yield from self._freshening()
        return self._entries.revokes(sid, started_at, subject)

    def looking_up(self, sid: bytes, subject: bytes | None) -> Steps[Entries]:
        if self._poller.lags:
            yield from self._freshening()
        return self._entries.look_up(sid, subject)

    @property
    def staleness(self) -> float:
        """Seconds since the last good reading began; infinite before the first."""
        return uptime() - self._poller.read_at

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._entries.denied_count + self._entries.mark_count

    def _freshening(self) -> Steps[None]:
        """Read where the thread could not, and refuse to answer from what is too old."""
        self._start()
        reading = self._poller.due()
        if reading is not None:
            yield reading
        staleness = self.staleness
        if staleness < self._max_staleness or self._allow:
            return
        if staleness == inf:
            raise StoreError(
                "the copy of the revocation list has not been read yet: see in the log why reading "
                "fails, and call read() when the service starts"
            )
        raise StoreError(
            f"the copy of the revocation list is {staleness:.0f} s old, more than the "
            f"{self._max_staleness:g} s of max_staleness: is its store reachable?"
        )

    # -- following -----------------------------------------------------------------------------

    def read(self) -> None:
        """Read now what has changed, or everything at first; for the start of a service, and tests.

        From then on the replica follows its store.

        Raises:
            StoreError: The store could not be read; what was read of it counts nevertheless.
        """
        outcome = self._poller.read()
        if outcome.error is not None:
            raise outcome.error
        self._start()
        outcome.tell()

    def _read(self) -> Outcome:
        """Read what has changed."""
        known = self._epoch
        try:
            skipped = self._follow(uptime(), int(time()))
        except Exception as error:  # noqa: BLE001  # a driver can raise any
            reason = str(error) if isinstance(error, StoreError) else type(error).__name__
            return Outcome(error, partial(self._failed, reason))
        return Outcome(None, partial(self._tell, skipped, anew=known not in (None, self._epoch)))

    def _follow(self, at: float, now: int) -> int:
        """Read what has changed; return how many entries were garbage."""
        # A clock that was ahead for a while has swept what is needed now that it is right.
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
        # Only now: a reading that fails half-way is done again from where it began.
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
                "the revocation store was made anew: what it held is kept here until it ends, and "
                "is unknown to processes that start now"
            )
        if skipped:
            _log.warning("%d entries of the revocation store are garbage and were skipped", skipped)
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
        """End the thread."""
        self._poller.stop()

    def _start(self) -> None:
        try:
            self._poller.start()
        except RuntimeError as error:  # the next check tries again
            self._failed(str(error))

    def _failed(self, reason: str) -> None:
        # Whatever the reason, this is one fault: an outage is logged once.
        self._poller.report("unread", "the revocation list cannot be read: %s", reason)
        tell(self._observer.store_failed, "read")
        tell(self._observer.replica_stale, self.staleness)
