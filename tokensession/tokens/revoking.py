"""Ending sessions before their time, by the revocation list of a codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from tokensession.overflow.overflow import Overflow
    from tokensession.revocation.list import RevocationList
    from tokensession.sessions.session import Session


class Revoker:
    """Ends sessions.

    Attributes:
        revocations: The revocation list, or None.
        overflow: Where states are that did not fit into their tokens, or None.
    """

    __slots__ = ("overflow", "revocations")

    revocations: RevocationList | None
    overflow: Overflow | None

    def revoke(self, session: Session[Any], *, now: float | None = None) -> None:
        """End a session before its time: none of its tokens is accepted any more.

        Its overflowed state is deleted. Where it was taken over from a legacy cookie, all sessions
        of its subject end: other copies of that cookie are other sessions.

        Args:
            session: As `decode` gave it.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the session may live on.
            ConfigError: The codec has no `revocation`.
        """
        self.listed.revoke(session, now)
        value = session._value  # noqa: SLF001  # as our own class
        entry = None if value is None else value.entry or value.overflowed
        if self.overflow is not None and entry is not None:
            self.overflow.drop(entry.reference)

    def revoke_sid(self, sid: bytes, *, now: float | None = None) -> None:
        """End a session of which only the id is known.

        Args:
            sid: Its id, 16 bytes; for the text of one use ``bytes.fromhex``.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the session may live on.
            ConfigError: The codec has no `revocation`, or the id is not 16 bytes.
        """
        self.listed.revoke_sid(sid, now)

    def revoke_subject(
        self,
        subject: str | int,
        *,
        keep: Session[Any] | None = None,
        now: float | None = None,
    ) -> None:
        """End all sessions of a subject, in all contexts that share the store.

        A sign-in right after it lives. Where another process has not yet heard of it, a sign-in
        can be ended too; then sign in again.

        Args:
            subject: Whose sessions; 42 and "42" are one.
            keep: A session of the subject to spare, as in "log out my other devices".
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the sessions may live on. Calls for one subject
                that come faster than once a second fail after a few: repeat them in seconds.
            ConfigError: The codec has no `revocation`, or `keep` is another subject's.
            StateError: Not a subject.
        """
        self.listed.revoke_subject(subject, keep, now)

    def revoke_all(self, *, before: float | None = None, now: float | None = None) -> None:
        """End all sessions of all contexts that share the store.

        Args:
            before: Only sessions begun before this Unix second, exactly.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the sessions may live on.
            ConfigError: The codec has no `revocation`, or `before` is in the future.
        """
        self.listed.revoke_all(before, now)

    def confirm(self, session: Session[Any]) -> None:
        """Ask the store itself whether a session is revoked, even if a replica answers otherwise.

        For what must not happen on word that is seconds old. It does I/O: call it in a thread
        where that must not block.

        Raises:
            Revoked: It is.
            StoreError: The store cannot be asked.
            ConfigError: The codec has no `revocation`.
        """
        self.listed.confirm(session.sid, session.subject, session.started_at)

    @property
    def listed(self) -> RevocationList:
        """The revocation list.

        Raises:
            ConfigError: The codec has none.
        """
        if self.revocations is None:
            raise ConfigError(
                "this codec has no revocation list: give it one by SessionCodec(revocation=store)"
            )
        return self.revocations
