"""Record what ends with a response, in the revocation list and in the overflow store.

First the subjects' marks are recorded. Then the old id ends in one step with its replacement.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from tokensession.format.claims import StateT
from tokensession.web.change import is_same, keeps_anonymous, leaves_copies

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.overflow.reference import Overflowed
    from tokensession.revocation.decision import Ended, Successor
    from tokensession.sessions.listing import Listing
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.writing import Written
    from tokensession.web.request_session import RequestSession


class Ending(Generic[StateT]):
    """Records the sessions that end with a response.

    Args:
        codec: The codec with the revocation list, the directory and the overflow.
    """

    __slots__ = ("_directory", "_events", "_overflow", "_revocations")

    def __init__(self, codec: SessionCodec[StateT]) -> None:
        self._directory = codec.directory
        self._events = codec.events
        self._revocations = codec.revocations
        self._overflow = codec.writer.overflow

    def is_due(
        self, session: RequestSession[StateT], value: SessionValue[StateT], *, news: bool
    ) -> bool:
        """Tell whether the revocation list must record anything."""
        if self._revocations is None:
            return False
        opened = value.opened
        ends_one = news and opened is not None and value.sid != opened.claims.sid
        return ends_one or (news and self._lists(value)) or session._ends_others_of is not None

    def _lists(self, value: SessionValue[StateT]) -> bool:
        """Tell whether the directory must list a session as a new one."""
        return self._directory is not None and value.subject is not None and not value.kid

    def marking(
        self,
        session: RequestSession[StateT],
        value: SessionValue[StateT],
        at: int,
        *,
        ends: bool,
    ) -> Steps[None]:
        """Record the marks of the subjects whose other sessions end.

        A mark spares the id that was found if it belongs to that subject, and otherwise the new id.

        Args:
            session: The request's session.
            value: Its value.
            at: Unix seconds.
            ends: Whether the changes of the session are kept.
        """
        if self._revocations is None:
            return
        # Imported lazily, like the whole of revocation.
        from tokensession.revocation.decision import Keep  # noqa: PLC0415

        opened = value.opened
        others = session._ends_others_of or ()
        subjects: tuple[Subject, ...] = others
        if ends and opened is not None and leaves_copies(value):
            subjects = (*subjects, opened.claims.sub)
        for subject in {str(one): one for one in subjects}.values():  # each mark moves ahead
            keep = None
            if opened is not None and is_same(opened.claims.sub, subject):
                keep = Keep(opened.claims.sid, opened.started_at)
            elif is_same(value.subject, subject):
                keep = Keep(value.sid, value.started_at)
            yield partial(self._revocations.mark, subject, keep, at)
            if any(is_same(subject, other) for other in others):
                self._events.tell("ended", subject, None, at, "user")

    def replacing(self, value: SessionValue[StateT], at: int) -> Steps[None]:
        """Record that the session continues under its new id.

        Raises:
            Revoked: The session has ended meanwhile, so it does not continue.
        """
        opened = value.opened
        if self._revocations is None or opened is None or value.sid == opened.claims.sid:
            return
        found = opened.claims
        replace = self._revocations.replace
        ids = (found.sid, value.sid)
        listing = None if self._directory is None else self._directory.listing(value, at)
        yield partial(
            replace, *ids, found.sub, opened.started_at, at, cap=found.cap, listing=listing
        )

    def succeeding(self, value: SessionValue[StateT], at: int, *, is_written: bool) -> Steps[bool]:
        """Record the end of the session that was found, which another session replaces.

        Args:
            value: The session that takes its place.
            at: Unix seconds.
            is_written: Whether it has a token.

        Returns:
            Whether the store's marks would have ended that session, so that it was dated again.

        Raises:
            StoreError: The end could not be recorded, or the new start is too far ahead.
        """
        if self._revocations is None:
            return False
        if value.opened is None or keeps_anonymous(value):
            if not is_written or not self._lists(value):
                return False
            assert self._directory is not None
            ended = yield from self._directory.adding(value, at)
        else:
            ended = yield from self.denying(value, at, *self._successor(value, at, is_written))
        return (
            is_written
            and value.subject is not None
            and self._revocations.dates_again(value, ended, at)
        )

    def listing(self, value: SessionValue[StateT], at: int) -> Steps[None]:
        """List a session that was dated again."""
        if self._directory is not None:
            yield from self._directory.adding(value, at)

    def seeing(self, value: SessionValue[StateT], written: Written | None, at: int) -> Steps[None]:
        """Record that a session has a new token; if that fails, the response continues."""
        found = value.opened
        if self._directory is None or written is None or found is None:
            return
        if value.kid and value.sid == found.claims.sid:  # otherwise it was recorded with its new id
            yield from self._directory.touching(value, at)

    def _successor(
        self,
        value: SessionValue[StateT],
        at: int,
        is_written: bool,  # noqa: FBT001  # private
    ) -> tuple[Successor | None, Listing | None]:
        """Return the session that replaces another, and its entry in the directory."""
        if value.subject is None:
            return None, None
        from tokensession.revocation import decision  # noqa: PLC0415  # as above

        successor = decision.Successor(value.sid, decision.subject_key(value.subject))
        if self._directory is None or not is_written:
            return successor, None
        return successor, self._directory.listing(value, at)

    def denying(
        self,
        value: SessionValue[StateT],
        at: int,
        successor: Successor | None = None,
        listing: Listing | None = None,
    ) -> Steps[Ended]:
        """Record the end of the session that was found."""
        assert self._revocations is not None
        assert value.opened is not None
        deny, opened = self._revocations.deny, value.opened
        found = opened.claims
        found_one = (found.sid, found.sub, opened.started_at)
        ended: Ended = yield partial(
            deny, *found_one, at, successor, cap=found.cap, listing=listing
        )
        if self._directory is not None:
            self._directory.tell_over(ended, value.subject, at)
        return ended

    def dropping(self, written: Written | None, *sent: Overflowed | None) -> Steps[None]:
        """Delete an entry whose token was not sent. If that fails, the entry expires by itself.

        Args:
            written: The token, or None.
            sent: The entries of tokens that were sent.
        """
        entry = None if written is None else written.overflowed
        if self._overflow is not None and entry is not None and entry not in sent:
            yield partial(self._overflow.drop, entry.reference)

    def forgetting(self, value: SessionValue[Any]) -> Steps[None]:
        """Delete the entry of a session that has ended."""
        if self._overflow is not None and value.overflowed is not None:
            yield partial(self._overflow.drop, value.overflowed.reference)
