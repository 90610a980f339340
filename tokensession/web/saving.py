"""Save a session into its response: make, record, append.

1. Make the new token; a state that is too large overflows.
2. Record what ends: the subjects' marks, then the former id together with its replacement.
3. Append the headers.

If a step fails, the later steps are not run. A sign-out is still done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic

from tokensession.errors import Expired, Revoked, StoreError, TokenSessionError
from tokensession.format.claims import StateT
from tokensession.sessions.steps import from_here_to_the_end, run
from tokensession.web.caching import forbid_storing
from tokensession.web.change import (
    NOTHING,
    Change,
    is_changed,
    is_of_another,
    is_said,
    is_signed_out,
)
from tokensession.web.ending import Ending
from tokensession.web.making import Making
from tokensession.web.plain_http import tell_of_plain_http
from tokensession.web.telling import tell_change

if TYPE_CHECKING:
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.web.cookies import Cookie, Header, Headers
    from tokensession.web.request_session import RequestSession, Snapshot
    from tokensession.web.takeover import Takeover

_log = logging.getLogger("tokensession")


class Saving(Generic[StateT]):
    """Saves the sessions of requests.

    Args:
        codec: Writes the tokens.
        cookie: Carries the tokens.
        takeover: Deletes the cookies of other libraries, or None.
    """

    __slots__ = ("_changes", "_cookie", "_ending", "_events", "_making", "_takeover")

    def __init__(
        self,
        codec: SessionCodec[StateT],
        cookie: Cookie | Header,
        takeover: Takeover[StateT] | None,
    ) -> None:
        self._ending: Ending[StateT] = Ending(codec)
        self._events = codec.events
        self._changes = codec.changes
        self._making: Making[StateT] = Making(codec, cookie)
        self._cookie = cookie
        self._takeover = takeover

    def now(
        self,
        session: RequestSession[StateT],
        value: SessionValue[StateT],
        headers: Headers,
        at: int,
    ) -> None:
        """Save when no store is configured; raises as `steps` does."""
        keys = session._keys
        if not self.is_news(session, value):
            self._renew_now(session, value, headers, at)
            return
        value.written = None
        try:
            keys.check_can_mint()
            ends = self._changes.is_empty(value)
            if not ends:
                header = self._making.write_now(value, at, keys)
            elif value.presented:
                header = self._cookie.delete()
            else:
                return
            if not is_said(self._cookie, header, headers):
                self._append(header, session, headers, at, ends=ends)
        except Expired as error:
            self._say(self._gone(session, value, error), session, headers, at)
        except TokenSessionError:
            value.shared = True  # the application can change it again
            if is_signed_out(value) and keys.can_mint:
                self._sign_out(session, headers, at)
            raise
        finally:
            session._saved = self._snapshot(value)

    def _renew_now(
        self,
        session: RequestSession[StateT],
        value: SessionValue[StateT],
        headers: Headers,
        at: int,
    ) -> None:
        """Renew an unchanged session that is due, when no store is configured."""
        if session._said is not None:
            self._say(NOTHING, session, headers, at)
            return
        if not self._making.renewal_is_due(session, value, headers, at):
            return
        try:
            change = run(self._making.renewing(value, at, session._keys))
        except Expired as error:
            change = self._gone(session, value, error)
        self._say(change, session, headers, at)

    def steps(  # noqa: C901  # the order of saving, in one place
        self,
        session: RequestSession[StateT],
        value: SessionValue[StateT],
        headers: Headers,
        at: int,
    ) -> Steps[None]:
        """Save the session of a request into its response's headers.

        Raises:
            StateError: The state contains a value that cannot be written unchanged.
            SessionTooLarge: Browsers would drop the token.
            ConfigError: A reader's ring cannot sign the change, or another middleware would lose
                it.
            StoreError: What ends could not be recorded, or the overflow state could not be written.
        """
        keys, ending = session._keys, self._ending
        news = self.is_news(session, value)
        failure: TokenSessionError | None = None
        change = NOTHING
        # An entry that was written earlier belongs to a token that may have been sent.
        sent = value.overflowed, None if session._saved is None else value.entry
        # 1. Make.
        try:
            if news:
                value.written = None
                keys.check_can_mint()
                change = yield from self._making.making(value, at, keys)
                is_said(self._cookie, change.header, headers)
            elif session._said is None and self._making.renewal_is_due(session, value, headers, at):
                change = yield from self._making.renewing(value, at, keys)
        except Expired as error:
            change = self._gone(session, value, error)
        except TokenSessionError as error:
            failure = error
        made, recorded = change.written, True
        signs_out = news and keys.can_mint and is_signed_out(value)
        # 2. Record.
        if ending.is_due(session, value, news=news):
            yield from_here_to_the_end
            try:
                ends = signs_out or (news and failure is None)
                yield from ending.marking(session, value, at, ends=ends)
                session._ends_others_of = None  # the next mark would not spare the new id
                if failure is None and news:
                    change = yield from self._recording(value, at, keys, change)
                elif signs_out:
                    yield from ending.denying(value, at)
            except StoreError as error:
                failure, recorded = error, False
        value.shared |= failure is not None  # the application can change it again
        if news:
            session._saved = self._snapshot(value)
        yield from ending.dropping(made if failure or change.written is None else None, *sent)
        replaced = change.header is not None and (change.written is None or is_of_another(value))
        if recorded and (signs_out or (news and replaced and failure is None)):
            yield from ending.forgetting(value)
        if failure is not None:
            if signs_out:  # even if the response fails
                self._sign_out(session, headers, at, told=recorded)
            raise failure
        yield from ending.seeing(value, change.written, at)
        # 3. Append.
        self._say(change, session, headers, at)

    def _recording(
        self,
        value: SessionValue[StateT],
        at: int,
        keys: RingKeys,
        change: Change,
    ) -> Steps[Change]:
        """Record the end of an id, and return the change for the response."""
        if value.kid:
            try:
                yield from self._ending.replacing(value, at)
            except Revoked as error:
                # The session has ended meanwhile, so it does not continue under another id. The
                # cookie is not deleted, because another request may have set it.
                _log.debug("session not written: %s", error.code)
                return NOTHING
            return change
        is_written = change.written is not None
        if not (yield from self._ending.succeeding(value, at, is_written=is_written)):
            return change
        # The store's marks would have ended the new session, so it was dated again, once.
        change = yield from self._making.writing(value, at, keys)
        yield from self._ending.listing(value, at)
        return change

    def trial(
        self, session: RequestSession[StateT], value: SessionValue[StateT], at: int
    ) -> Steps[None]:
        """Raise what writing the session would raise; an overflowed state is written."""
        if not self.is_news(session, value):
            return
        session._keys.check_can_mint()
        if not self._changes.is_empty(value):
            yield from self._making.writing(value, max(at, value.started_at), session._keys)

    def is_news(self, session: RequestSession[StateT], value: SessionValue[StateT]) -> bool:
        """Tell whether a response must carry a new session."""
        # A taken-over session has no token of ours yet.
        return (value.unwritten and session._saved is None) or self.is_changed(session, value)

    def is_changed(self, session: RequestSession[StateT], value: SessionValue[StateT]) -> bool:
        """Tell whether a session has changed since it was found or last saved."""
        return is_changed(value, session._saved, self._changes)

    def _gone(
        self, session: RequestSession[StateT], value: SessionValue[StateT], error: Expired
    ) -> Change:
        """Return the change for a session that ended during its request.

        Everything in it is lost, so a changed session deletes its cookie. If clocks differ, a
        client with the old token could otherwise find the change missing.
        """
        _log.debug("session not written: %s", error.code)
        changed = self.is_changed(session, value)
        return Change(self._cookie.delete()) if value.presented and changed else NOTHING

    def _say(
        self, change: Change, session: RequestSession[StateT], headers: Headers, at: int
    ) -> None:
        """Append the change, or that of the response which this one replaces.

        Append nothing if the response sets the cookie already.
        """
        header, ends, told = change.header, change.written is None, change.told
        if header is None and session._said is not None:
            (header, ends), told = session._said, False
        if header is not None and not self._cookie.is_written(headers):
            self._append(header, session, headers, at, ends=ends, told=told)

    def _sign_out(
        self, session: RequestSession[StateT], headers: Headers, at: int, *, told: bool = True
    ) -> None:
        """Append the deletion of the cookie, in place of what a mounted application has set."""
        headers[:] = [pair for pair in headers if not self._cookie.is_written([pair])]
        self._append(self._cookie.delete(), session, headers, at, ends=True, told=told)

    def _snapshot(self, value: SessionValue[StateT]) -> Snapshot:
        """Return the session's values; its state is omitted if it was written and cannot change."""
        known = value.written is not None and not value.shared
        return value.sid, None if known else self._changes.packed(value), value.ttl, value.cap

    def _append(
        self,
        header: tuple[bytes, bytes],
        session: RequestSession[StateT],
        headers: Headers,
        at: int,
        *,
        ends: bool,
        told: bool = True,
    ) -> None:
        """Append the session's headers: step 3."""
        headers.append(header)
        session._said = header, ends
        value = session._value
        assert value is not None
        if told and self._events.heard:
            tell_change(self._events, value, at, ends=ends)
        if not ends:
            tell_of_plain_http(self._cookie, session._scheme, session._headers)
        if self._takeover is not None:
            ends = ends or bool(value.given_up)
            headers.extend(self._takeover.deletions(session._headers, at, ended=ends))
        forbid_storing(headers)
