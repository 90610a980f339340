"""A copy of a store in this process: a check is a look into memory, some seconds old at most."""

from __future__ import annotations

import logging
import threading
from math import inf
from os import getpid
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import call_in_child
from tokensession.format.seconds import check_number
from tokensession.keys.poller import Poller
from tokensession.observer import SILENT, Observer
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.limits import SWEEP_MARGIN
from tokensession.revocation.lookup import Check, WhenDown, check_word, checked_store

if TYPE_CHECKING:
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
    each child after a fork: before that nothing is read, and until the first reading has ended it
    is stale. What this process revokes is in force
    in it at once; elsewhere after about `refresh` seconds, and after `max_staleness` at the latest.
    It keeps what it has heard until that has ended by itself, whatever becomes of the store.

    Args:
        store: The store to follow; it must list its changes.
        refresh: Seconds between two readings.
        max_staleness: Seconds since the last good reading began after which it is stale.
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
        refresh: float = REFRESH,
        max_staleness: float = MAX_STALENESS,
        when_stale: WhenDown = "deny",
        observer: Observer = SILENT,
    ) -> None:
        self.store: Store = checked_store(store)
        if not store.capabilities.lists_changes:
            raise ConfigError("this store cannot list its changes: use Lookup(store)")
        check_number("refresh", refresh)
        check_number("max_staleness", max_staleness)
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
        self._read_at = self._whole_at = -inf  # on the monotonic clock
        self._swept_at = 0  # Unix second: entries that had ended an hour before it are gone
        self._poller = Poller(self._poll, refresh, name="tokensession-replica")
        self._begin_anew()
        call_in_child(self, Replica._after_fork)

    def _begin_anew(self) -> None:
        """Create the locks, which a thread of the parent can hold during a fork."""
        self._lock = threading.Lock()  # held while entries are added
        self._reading = threading.Lock()  # held while the store is read
        self._fresh_until = -inf  # so that the next check comes to _check_freshness

    def _after_fork(self) -> None:
        self._begin_anew()
        if self._poller.wanted:
            self._start()

    # -- asking --------------------------------------------------------------------------------

    def revoking(self, sid: bytes, started_at: int, subject: Subject) -> Steps[bool]:
        if monotonic() >= self._fresh_until:
            self._check_freshness()
        return self._entries.revokes(sid, started_at, subject)
        yield  # steps that need no call

    def looking_up(self, sid: bytes, subject: bytes | None) -> Steps[Entries]:
        if monotonic() >= self._fresh_until:
            self._check_freshness()
        return self._entries.look_up(sid, subject)
        yield  # likewise

    @property
    def staleness(self) -> float:
        """Seconds since the last good reading began; infinite before the first."""
        return monotonic() - self._read_at

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._entries.denied_count + self._entries.mark_count

    def _check_freshness(self) -> None:
        self._start()
        staleness = self.staleness
        if staleness < self._max_staleness:
            if self._follows():
                self._fresh_until = self._read_at + self._max_staleness
        elif not self._allow:
            if staleness == inf:
                raise StoreError(
                    "the copy of the revocation list has not been read yet: call read() when the "
                    "service starts, and see in the log whether reading fails"
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
        skipped = self._read()
        self._start()
        self._tell(skipped)

    def _read(self) -> int:
        """Read what has changed; return how many entries were garbage."""
        with self._reading:
            begun, now = monotonic(), int(time())
            # A clock that was ahead for a while has swept what is needed now that it is right.
            swept_early = now < self._swept_at - SWEEP_MARGIN
            whole = swept_early or begun - self._whole_at >= _WHOLE_AGAIN
            position: Position | None = None
            skipped = 0
            for batch in self.store.read(None if whole else self._position):
                self._apply(batch)
                skipped += batch.skipped
                position = batch.position
            # Only now: a reading that fails half-way is done again from where it began.
            self._position = position
            if whole:
                self._whole_at = begun
            self._read_at = begun
            with self._lock:
                self._entries.expire(now - SWEEP_MARGIN)
            self._swept_at = now if whole else max(now, self._swept_at)
        return skipped

    def _tell(self, skipped: int) -> None:
        """Log and count a reading, under no lock."""
        if self._follows():  # else the next check starts the thread
            self._fresh_until = self._read_at + self._max_staleness
        if skipped:
            _log.warning("%d entries of the revocation store are garbage and were skipped", skipped)
        self._observer.replica_read(self.size, skipped)

    def hear(self, news: Batch) -> None:
        entries = self._entries
        with self._lock:
            for subject, mark in news.marks:
                entries.put_mark(subject, mark)
            for sid, until in news.denied:
                entries.deny(sid, until)
            entries.raise_to(everyone=news.everyone, highest=news.highest)

    def _apply(self, batch: Batch) -> None:
        self.hear(batch)
        if batch.position is None:
            return
        if self._epoch not in (None, batch.epoch):
            _log.warning(
                "the revocation store was made anew: what it held is kept here until it ends, and "
                "is unknown to processes that start now"
            )
        self._epoch = batch.epoch

    def close(self) -> None:
        """End the thread."""
        self._poller.stop()

    def _follows(self) -> bool:
        return self._poller.running_in == getpid()

    def _start(self) -> None:
        try:
            self._poller.start()
        except RuntimeError as error:  # the next check tries again
            self._failed(str(error))

    def _poll(self) -> None:
        try:
            skipped = self._read()
        except Exception as error:  # noqa: BLE001  # a driver can raise any
            self._failed(str(error) if isinstance(error, StoreError) else type(error).__name__)
            return
        self._poller.report(None, "the revocation list can be read again")
        self._tell(skipped)

    def _failed(self, reason: str) -> None:
        # Whatever the reason, this is one fault: an outage is logged once.
        self._poller.report("unread", "the revocation list cannot be read: %s", reason)
        self._observer.store_failed("read")
        self._observer.replica_stale(self.staleness)
