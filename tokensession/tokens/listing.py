"""Listing a subject's sessions and ending one of them, by the directory of a codec."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.sessions.steps import one_step, run_beside
from tokensession.tokens.revoking import Revoker

if TYPE_CHECKING:
    from tokensession.directory.directory import ListedSession, SessionDirectory


class Lister(Revoker):
    """Lists and ends sessions.

    Attributes:
        directory: The directory of sessions, or None.
    """

    __slots__ = ("directory",)

    directory: SessionDirectory | None

    def sessions(
        self,
        subject: str | int,
        *,
        after: str | None = None,
        limit: int = 100,
        now: float | None = None,
    ) -> list[ListedSession]:
        """Return where a subject is signed in, the newest session first.

        Sessions that were revoked or are over are not listed, from the moment at which the store
        knows of it.

        Args:
            subject: Whose sessions; 42 and "42" are one.
            after: The `cursor` of the last session of the page before; None for the first page.
            limit: How many to return, at most 1000.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: The store cannot be asked.
            ConfigError: The codec has no `directory`, or an argument is invalid.
            StateError: Not a subject.
        """
        return self.listing.sessions(subject, after, limit, whole_seconds(now))

    async def asessions(
        self, subject: str | int, *, after: str | None = None, limit: int = 100
    ) -> list[ListedSession]:
        """Return where a subject is signed in; `sessions` in a thread."""
        call = partial(self.sessions, subject, after=after, limit=limit)
        return await run_beside(one_step(call))

    def end_session(
        self,
        subject: str | int,
        id: str,  # noqa: A002  # as it is called in the list
        *,
        now: float | None = None,
    ) -> bool:
        """End one of a subject's sessions; return whether there was one.

        Args:
            subject: Whose session. The id of another subject's session is unknown.
            id: The id from the list.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: Its end could not be recorded, so it may live on.
            ConfigError: The codec has no `directory`.
            StateError: Not a subject.
        """
        return self.listing.end(subject, id, whole_seconds(now))

    async def aend_session(
        self,
        subject: str | int,
        id: str,  # noqa: A002  # likewise
    ) -> bool:
        """End one of a subject's sessions; `end_session` in a thread."""
        return await run_beside(one_step(partial(self.end_session, subject, id)))

    def end_provider_session(self, issuer: str, sid: str, *, now: float | None = None) -> int:
        """End the sessions that were signed in with an identity provider's session.

        Args:
            issuer: The provider's issuer, as it was given to `sign_in`.
            sid: The provider's session id.
            now: Unix seconds; the system's clock when None.

        Returns:
            How many have ended.

        Raises:
            StoreError: An end could not be recorded, so sessions may live on.
            ConfigError: The codec has no `directory`.
            StateError: An issuer or id that is not text.
        """
        return self.listing.end_of_provider(issuer, sid, whole_seconds(now))

    @property
    def listing(self) -> SessionDirectory:
        """The directory.

        Raises:
            ConfigError: The codec has none.
        """
        if self.directory is None:
            raise ConfigError(
                "this codec has no directory: give it one by SessionCodec(directory=...)"
            )
        return self.directory
