"""The revocation list of a codec: what it asks, under a policy, and what it records.

Each method raises StoreError when the store cannot be asked, or cannot record.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError, Revoked, StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.format.seconds import whole_seconds
from tokensession.format.state import check_given_subject, check_subject
from tokensession.observer import tell
from tokensession.revocation.decision import (
    CLOCK_SKEW,
    MIN_LEEWAY,
    Denial,
    Ended,
    Keep,
    Successor,
    entries_of,
    first_start,
    is_revoked,
    subject_key,
)
from tokensession.revocation.lookup import Check, Lookup
from tokensession.sessions.session import Session
from tokensession.sessions.steps import R, Steps, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.claims import Subject
    from tokensession.observer import Observer
    from tokensession.revocation.store import Store
    from tokensession.sessions.listing import Listing
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.value import SessionValue


class RevocationList:
    """The revocation list of a codec.

    Args:
        revocation: A store, or a `Lookup` or `Replica` of one.
        policy: The codec's.
        observer: Is told what was revoked.
        listing: What each denial says to the directory beside the list, or None without one.

    Attributes:
        revoking: Tells whether a session is revoked (see `Check.revoking`).

    Raises:
        ConfigError: A policy under which entries could not be kept as long as they are needed, or
            a store that forgets.
    """

    __slots__ = ("_check", "_leeway", "_life", "_listing", "_observer", "revoking")

    def __init__(
        self,
        revocation: Store | Check,
        policy: Policy,
        observer: Observer,
        listing: Listing | None = None,
    ) -> None:
        # A store can be told from a check by its capabilities; anything else is refused.
        check = revocation if isinstance(revocation, Check) else Lookup(revocation)
        can = check.store.capabilities
        if not can.durable and not can.loss_accepted:
            raise ConfigError(
                "this store may forget revocations (when it restarts or is full), which brings "
                "sessions back: use a durable one, or make it with may_forget=True"
            )
        longest = policy.longest_cap
        if longest is None:
            raise ConfigError(
                "revocation needs an absolute_timeout, after which an entry of the list can go: "
                "set Policy(absolute_timeout=...)"
            )
        if policy.leeway < MIN_LEEWAY:
            raise ConfigError(
                f"with revocation the leeway is at least {MIN_LEEWAY} s, not {policy.leeway}: "
                "sessions begun right after a revocation are dated ahead"
            )
        self._check = check
        self._life = longest + CLOCK_SKEW
        self._leeway = policy.leeway
        self._observer = observer
        self._listing = listing
        self.revoking: Callable[[bytes, int, Subject], Steps[bool]] = check.revoking

    def revokes(self, sid: bytes, started_at: int, subject: Subject) -> bool:
        """Tell whether a session is revoked; see `Check.revoking`."""
        return run(self.revoking(sid, started_at, subject))

    def dating(self, sid: bytes, subject: Subject, now: int) -> Steps[int]:
        """Return the start of a session of `subject` that begins now."""
        check_subject(subject)
        entries = yield from self._check.looking_up(sid, subject_key(subject))
        return first_start(entries, now=now, leeway=self._leeway)

    def dates_again(self, value: SessionValue[Any], ended: Ended, now: int) -> bool:
        """Date a new session again that a store's answer would end; tell whether it would.

        Raises:
            StoreError: The start would lie too far ahead.
        """
        entries = entries_of(ended)
        if not is_revoked(value.sid, value.started_at, **entries._asdict()):
            return False
        start = first_start(entries, now=now, leeway=self._leeway)
        value.started_at = value.issued_at = start
        return True

    @property
    def store(self) -> Store:
        """The store of record."""
        return self._check.store

    def confirm(self, sid: bytes, subject: Subject, started_at: int) -> None:
        """Ask the store itself, now.

        Raises:
            Revoked: The session of that id is.
            StoreError: The store cannot be asked, even if that is allowed elsewhere.
        """
        found = self._check.store.look_up(sid, subject_key(subject))
        if is_revoked(sid, started_at, **found._asdict()):
            raise Revoked("the store says that the session was ended")

    def deny(
        self,
        sid: bytes,
        subject: Subject,
        started_at: int,
        now: int,
        successor: Successor | None = None,
        *,
        cap: int | None = None,
        listing: Listing | None = None,
    ) -> Ended:
        """End the session of an id, which has a cap; its `successor` takes its place."""
        denial = self._denial(sid, subject, started_at, cap, listing)
        return self.end(denial._replace(successor=successor), now)

    def end(self, denial: Denial, now: int) -> Ended:
        """Record a denial."""
        denial = denial._replace(life=self._life)
        return self._record("session", partial(self._check.deny, denial, now=now))

    def hear(self, ended: Ended, subject: bytes, now: int) -> None:
        """Take in what the directory has answered."""
        self._check.hear_end(ended, subject, now + self._life)

    def replace(
        self,
        sid: bytes,
        new: bytes,
        subject: Subject,
        started_at: int,
        now: int,
        *,
        cap: int | None = None,
        listing: Listing | None = None,
    ) -> Ended:
        """Let `new` continue the session of an id, which has a cap."""
        denial = self._denial(sid, subject, started_at, cap, listing)
        return self._record("session", partial(self._check.replace, denial, new, now=now))

    def _denial(
        self,
        sid: bytes,
        subject: Subject,
        started_at: int,
        cap: int | None,
        listing: Listing | None,
    ) -> Denial:
        # Another codec that grants more may have given the session its cap.
        until = started_at + max(self._life, (cap or 0) + CLOCK_SKEW)
        key, listing = subject_key(subject), listing or self._listing
        return Denial(sid, key, started_at, until, life=self._life, listing=listing)

    def mark(self, subject: Subject, keep: Keep | None, now: int) -> None:
        """End all sessions of a subject that have begun, but `keep`."""
        key = subject_key(subject)
        assert key is not None
        self._record("subject", partial(self._check.mark, key, keep, now=now, life=self._life))

    def revoke(self, session: Session[Any], now: float | None) -> None:
        """End one session."""
        if not isinstance(session, Session):
            raise ConfigError(f"revoke takes a session, not {type(session).__name__}")
        at = whole_seconds(now)
        self.deny(session.sid, session.subject, session.started_at, at, cap=session.cap)
        if session.subject is not None and session.authenticated_at is None:
            # Taken over from a legacy cookie, of which each copy is a session of its own.
            self.mark(session.subject, None, at)

    def revoke_sid(self, sid: bytes, now: float | None) -> None:
        """End the session of an id, whose start is not known and so is taken for the latest."""
        if not isinstance(sid, bytes) or len(sid) != SID_BYTES:
            raise ConfigError(f"a session id is {SID_BYTES} bytes; for its text use bytes.fromhex")
        at = whole_seconds(now)
        self.end(Denial(sid, None, None, at + self._life, listing=self._listing), at)

    def denies(self, sid: bytes) -> bool:
        """Tell whether the store has denied an id by itself, whatever its subject.

        Raises:
            StoreError: The store cannot be asked.
        """
        return self._check.store.look_up(sid, None).denied

    def revoke_subject(
        self, subject: str | int, keep: Session[Any] | None, now: float | None
    ) -> None:
        """End all sessions of a subject, but `keep`."""
        check_given_subject(subject)
        if subject is None:
            raise ConfigError("None is no subject; revoke(session) ends a session without one")
        if keep is not None and subject_key(keep.subject) != subject_key(subject):
            raise ConfigError("the session to keep is not one of this subject")
        kept = None if keep is None else Keep(keep.sid, keep.started_at)
        self.mark(subject, kept, whole_seconds(now))

    def revoke_all(self, before: float | None, now: float | None) -> None:
        """End all sessions, or those begun before an instant."""
        at = whole_seconds(now)
        if before is None:
            self._record("everyone", partial(self._check.revoke_all, now=at))
            return
        instant = whole_seconds(before)
        if instant > at:
            raise ConfigError(
                f"before is {instant - at} s in the future: sessions that have not begun cannot "
                "be ended"
            )
        self._record("everyone", partial(self._check.revoke_before, instant))

    def _record(self, what: str, write: Callable[[], R]) -> R:
        try:
            answer = write()
        except StoreError:
            tell(self._observer.store_failed, "revoke")
            raise
        tell(self._observer.revoked, what)
        return answer
