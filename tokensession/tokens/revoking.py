"""Revoke sessions through the revocation list of a codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.sessions.session import check_session

if TYPE_CHECKING:
    from tokensession.overflow.overflow import Overflow
    from tokensession.revocation.list import RevocationList
    from tokensession.sessions.events import Events
    from tokensession.sessions.session import Session


class Revoker:
    """Revokes sessions.

    Attributes:
        events: Tells observer and audit log what happens.
        revocations: The revocation list, or None.
        overflow: The overflow of large states, or None.
    """

    __slots__ = ("events", "overflow", "revocations")

    events: Events
    revocations: RevocationList | None
    overflow: Overflow | None

    def revoke(self, session: Session[Any], *, now: float | None = None) -> None:
        """Revoke a session: none of its tokens is accepted any more.

        Its overflowed state is deleted. If the session was taken over from a legacy cookie, all
        sessions of its subject end. Other copies of that cookie are sessions of their own.

        Args:
            session: A session from `decode`.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: The revocation could not be recorded, so the session can still be valid.
            ConfigError: The codec has no `revocation`, or the argument is not a session.
        """
        at = whole_seconds(now)
        self.listed.revoke(session, at)
        self.events.tell("ended", session.subject, session.sid, at, "operator")
        value = session._value  # noqa: SLF001  # our own class
        entry = None if value is None else value.entry or value.overflowed
        if self.overflow is not None and entry is not None:
            self.overflow.drop(entry.reference)

    def revoke_sid(self, sid: bytes, *, now: float | None = None) -> None:
        """Revoke a session by its id alone.

        Args:
            sid: The session id, 16 bytes; convert text with ``bytes.fromhex``.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: The revocation could not be recorded, so the session can still be valid.
            ConfigError: The codec has no `revocation`, or the id is not 16 bytes.
        """
        at = whole_seconds(now)
        self.listed.revoke_sid(sid, at)
        self.events.tell("ended", None, sid, at, "operator")

    def revoke_subject(
        self,
        subject: str | int,
        *,
        keep: Session[Any] | None = None,
        now: float | None = None,
    ) -> None:
        """Revoke all sessions of a subject, in all contexts that share the store.

        A sign-in right after it is accepted. If another process does not know the revocation yet,
        it can end a new sign-in too; then sign in again.

        Args:
            subject: The subject; 42 and "42" are the same.
            keep: A session of the subject to spare, as in "log out my other devices".
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: The revocation could not be recorded, so the sessions can still be valid.
                More than one call a second for one subject fails after a few calls: retry after
                some seconds.
            ConfigError: The codec has no `revocation`, or `keep` belongs to another subject.
            StateError: The subject is invalid.
        """
        at = whole_seconds(now)
        self.listed.revoke_subject(subject, keep, at)
        self.events.tell("ended", subject, None, at, "operator")

    def revoke_all(self, *, before: float | None = None, now: float | None = None) -> None:
        """Revoke all sessions of all contexts that share the store.

        Args:
            before: Revoke only sessions that started before this exact Unix second.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: The revocation could not be recorded, so the sessions can still be valid.
            ConfigError: The codec has no `revocation`, or `before` is in the future.
        """
        at = whole_seconds(now)
        self.listed.revoke_all(before, at)
        self.events.tell("ended", None, None, at, "operator")

    def confirm(self, session: Session[Any]) -> None:
        """Check a session in the revocation store now, even if a replica has an answer.

        Use it before an action that must not rely on data that is seconds old. It does I/O, so call
        it in a thread in asynchronous code.

        Raises:
            Revoked: The session is revoked.
            StoreError: The store cannot be read.
            ConfigError: The codec has no `revocation`, or the argument is not a session.
        """
        check_session("session", session)
        sid, started_at = session._recorded()  # noqa: SLF001  # our own class
        self.listed.confirm(sid, session.subject, started_at)

    @property
    def listed(self) -> RevocationList:
        """The revocation list.

        Raises:
            ConfigError: The codec has no revocation list.
        """
        if self.revocations is None:
            raise ConfigError(
                "this codec has no revocation list: create it with SessionCodec(revocation=store)"
            )
        return self.revocations
