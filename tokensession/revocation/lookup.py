"""Check the store on each request."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal, get_args

from tokensession.errors import ConfigError, StoreError
from tokensession.observer import SILENT, Observer, checked_observer, tell
from tokensession.revocation.decision import (
    CLOCK_SKEW,
    Denial,
    Ended,
    Entries,
    Keep,
    is_revoked,
    subject_key,
)
from tokensession.revocation.store import Batch, Store

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.sessions.steps import Steps

WhenDown = Literal["deny", "allow"]

# A store that hangs fails only after its timeout, and other requests must not wait for it too.
# After a failure that took this many seconds, the store is not read for this many seconds.
_SLOW: Final = 0.25
_PAUSE: Final = 0.5

_log = logging.getLogger("tokensession")


class Check(ABC):
    """How a codec checks and records revocations.

    Checks are steps (`tokensession.sessions.steps`), which yield the calls that do I/O. Recording
    does I/O itself: the store records, and the check hears its answer.

    Attributes:
        store: The store of record.
    """

    store: Store

    @abstractmethod
    def revoking(self, sid: bytes, started_at: int, subject: Subject) -> Steps[bool]:
        """Tell whether a session is revoked.

        Raises:
            StoreError: The store cannot be read, so the request has no session.
        """

    @abstractmethod
    def looking_up(self, sid: bytes, subject: bytes | None) -> Steps[Entries]:
        """Return the entries about one session; raise StoreError as `revoking` does."""

    @abstractmethod
    def hear(self, news: Batch) -> None:
        """Process a store's answer."""

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny a session; see `Store.deny`."""
        # A store that returns nothing about marks has still denied the id.
        ended = self.store.deny(denial, now=now) or Ended((denial.sid,))
        successor = denial.successor
        self.hear_end(ended, None if successor is None else successor.subject, denial.until)
        return ended

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Let another id continue a session; see `Store.replace`."""
        ended = self.store.replace(denial, new, now=now) or Ended((denial.sid,))
        self.hear_end(ended, denial.subject, denial.until)
        return ended

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> None:
        """End a subject's sessions; see `Store.mark`."""
        mark = self.store.mark(subject, keep, now=now, life=life)
        self.hear(Batch(marks=[(subject, mark)]))

    def revoke_all(self, *, now: int) -> None:
        """End all sessions; see `Store.revoke_all`."""
        self.hear(Batch(everyone=self.store.revoke_all(now=now)))

    def revoke_before(self, instant: int) -> None:
        """End all sessions that started before an instant; see `Store.revoke_before`."""
        self.hear(Batch(everyone=self.store.revoke_before(instant)))

    def hear_end(self, ended: Ended, subject: bytes | None, until: int) -> None:
        """Take in what the store has answered once it has ended or listed a session.

        Args:
            ended: The answer.
            subject: The subject's key of its mark, or None.
            until: Unix second until which the entries of the denied ids must live.
        """
        marks = [] if ended.mark is None or subject is None else [(subject, ended.mark)]
        denied = [(sid, until) for sid in ended.denied]
        denied += [(record.sid, record.dies_at + CLOCK_SKEW) for record in ended.over]
        self.hear(Batch(denied, marks, ended.everyone))


class Lookup(Check):
    """Reads the store on each request: a revocation takes effect at once.

    Args:
        store: The store.
        when_down: What happens while the store cannot be read. ``"deny"`` raises StoreError:
            adapters answer 503, and the session is not lost. ``"allow"`` accepts every session.
        observer: Receives an event when the store fails.

    Raises:
        ConfigError: The store or `when_down` is invalid.
    """

    def __init__(
        self, store: Store, *, when_down: WhenDown = "deny", observer: Observer = SILENT
    ) -> None:
        self.store: Store = checked_store(store)
        check_word("when_down", when_down)
        self._allow = when_down == "allow"
        self._observer = checked_observer(observer)
        self._down = False
        self._asked_again_at = -inf  # by the monotonic clock

    def revoking(self, sid: bytes, started_at: int, subject: Subject) -> Steps[bool]:
        found = yield partial(self._look_up, sid, subject_key(subject))
        return is_revoked(sid, started_at, **found._asdict())

    def looking_up(self, sid: bytes, subject: bytes | None) -> Steps[Entries]:
        found: Entries = yield partial(self._look_up, sid, subject)
        return found

    def hear(self, news: Batch) -> None:
        """Do nothing, because the next check reads the store."""

    def _look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        begun = monotonic()
        try:
            found = self._ask(sid, subject, begun)
        except StoreError as error:
            self._failed(error, begun)
            if not self._allow:
                raise
            return Entries()
        self._down = False
        return found

    def _ask(self, sid: bytes, subject: bytes | None, now: float) -> Entries:
        if now < self._asked_again_at:
            raise StoreError("the revocation store failed a moment ago and was not read again")
        return self.store.look_up(sid, subject)

    def _failed(self, error: StoreError, begun: float) -> None:
        now = monotonic()
        if now - begun >= _SLOW:
            self._asked_again_at = now + _PAUSE
        tell(self._observer.store_failed, "look_up")
        if self._allow and not self._down:  # once per outage, not per request
            _log.warning("revocation is not checked while the store is down: %s", error)
        self._down = True


def checked_store(store: object) -> Store:
    """Return a valid revocation store, or raise ConfigError."""
    if isinstance(store, type) or not isinstance(store, Store):
        raise ConfigError(
            "revocation must be a revocation store, such as stores.connect(url).revocations(), "
            f"not {type(store).__name__}"
        )
    return store


def check_word(name: str, word: object) -> None:
    """Refuse a word other than deny and allow."""
    if word not in get_args(WhenDown):
        raise ConfigError(f'{name} must be "deny" or "allow", not {word!r}')
