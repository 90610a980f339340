"""The revocation list of a codec: checks and records under a policy.

Each method raises StoreError if the store cannot be read, or cannot record.
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
from tokensession.sessions.session import check_session
from tokensession.sessions.steps import R, Steps, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.claims import Subject
    from tokensession.observer import Observer
    from tokensession.revocation.store import Store
    from tokensession.sessions.listing import Listing
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.session import Session
    from tokensession.sessions.value import SessionValue


class RevocationList:
    """The revocation list of a codec.

    Args:
        revocation: A store, or a `Lookup` or `Replica` of one.
        policy: The codec's policy.
        observer: Receives events.
        listing: What each denial tells the directory beside the list, or None without one.

    Attributes:
        revoking: Tells whether a session is revoked (see `Check.revoking`).

    Raises:
        ConfigError: The policy does not allow entries to be kept long enough, or the store can lose
            entries.
    """

    __slots__ = ("_check", "_leeway", "_life", "_listing", "_observer", "revoking")

    def __init__(
        self,
        revocation: Store | Check,
        policy: Policy,
        observer: Observer,
        listing: Listing | None = None,
    ) -> None:
        # Anything but a check must be a store; `Lookup` refuses other objects.
        check = revocation if isinstance(revocation, Check) else Lookup(revocation)
        can = check.store.capabilities
        if not can.durable and not can.loss_accepted:
            raise ConfigError(
                "this store can lose revocations when it restarts or is full, which makes revoked "
                "sessions valid again: use a durable store, or pass may_forget=True"
            )
        longest = policy.longest_cap
        if longest is None:
            raise ConfigError(
                "revocation needs an absolute_timeout, because entries of the list live that long: "
                "set Policy(absolute_timeout=...)"
            )
        if policy.leeway < MIN_LEEWAY:
            raise ConfigError(
                f"revocation needs a leeway of at least {MIN_LEEWAY} s, not {policy.leeway}, "
                "because sessions are dated after revocations: raise Policy(leeway=...)"
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
        """Date a new session again if a store's answer would end it; tell whether it would.

        Raises:
            StoreError: The start would be too far in the future.
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
        """Check the store now.

        Raises:
            Revoked: The session is revoked.
            StoreError: The store cannot be read, even if ``when_down`` allows that elsewhere.
        """
        found = self._check.store.look_up(sid, subject_key(subject))
        if is_revoked(sid, started_at, **found._asdict()):
            raise Revoked("the store has a revocation of the session")

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
        """End the session of an id, with its cap; `successor` replaces it."""
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
        """Let `new` continue the session of an id, with its cap."""
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
        # Another codec with longer limits may have given the session its cap.
        until = started_at + max(self._life, (cap or 0) + CLOCK_SKEW)
        key, listing = subject_key(subject), listing or self._listing
        return Denial(sid, key, started_at, until, life=self._life, listing=listing)

    def mark(self, subject: Subject, keep: Keep | None, now: int) -> None:
        """End all current sessions of a subject, but `keep`."""
        key = subject_key(subject)
        assert key is not None
        self._record("subject", partial(self._check.mark, key, keep, now=now, life=self._life))

    def revoke(self, session: Session[Any], now: float | None) -> None:
        """End one session."""
        check_session("session", session)
        at = whole_seconds(now)
        sid, started_at = session._recorded()  # noqa: SLF001  # our own class
        self.deny(sid, session.subject, started_at, at, cap=session.cap)
        if session.subject is not None and session.authenticated_at is None:
            # It comes from a legacy cookie, and each copy of that is a session of its own.
            self.mark(session.subject, None, at)

    def revoke_sid(self, sid: bytes, now: float | None) -> None:
        """End the session of an id. Its unknown start counts as the latest possible."""
        if not isinstance(sid, bytes) or len(sid) != SID_BYTES:
            raise ConfigError(
                f"a session id must be {SID_BYTES} bytes: convert text with bytes.fromhex"
            )
        at = whole_seconds(now)
        self.end(Denial(sid, None, None, at + self._life, listing=self._listing), at)

    def denies(self, sid: bytes) -> bool:
        """Tell whether the store denies an id itself, regardless of its subject.

        Raises:
            StoreError: The store cannot be read.
        """
        return self._check.store.look_up(sid, None).denied

    def revoke_subject(
        self, subject: str | int, keep: Session[Any] | None, now: float | None
    ) -> None:
        """End all sessions of a subject, but `keep`."""
        check_given_subject(subject)
        if subject is None:
            raise ConfigError("None is not a subject: use revoke(session) for an anonymous session")
        kept = None
        if keep is not None:
            check_session("keep", keep)
            if subject_key(keep.subject) != subject_key(subject):
                raise ConfigError("keep belongs to another subject: pass a session of this subject")
            kept = Keep(*keep._recorded())  # noqa: SLF001  # our own class
        self.mark(subject, kept, whole_seconds(now))

    def revoke_all(self, before: float | None, now: float | None) -> None:
        """End all sessions, or those that started before an instant."""
        at = whole_seconds(now)
        if before is None:
            self._record("everyone", partial(self._check.revoke_all, now=at))
            return
        instant = whole_seconds(before)
        if instant > at:
            raise ConfigError(
                f"before is {instant - at} s in the future: pass a time that has passed"
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
