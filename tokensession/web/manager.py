"""Sessions over HTTP: which token of a request counts, and what its response must say.

The order of things only: tokens are the codec's business, times the policy's, text the cookie's.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, overload

from tokensession.errors import (
    BadState,
    ConfigError,
    Expired,
    Malformed,
    Revoked,
    SessionTooLarge,
    StoreError,
    TokenError,
)
from tokensession.format.claims import StateT
from tokensession.format.seconds import whole_seconds
from tokensession.format.state import encode_msgpack
from tokensession.sessions.policy import Policy
from tokensession.sessions.session import Session
from tokensession.tokens.codec import DEFAULT_CONTEXT, SessionCodec
from tokensession.web.cookies import MAX_CANDIDATES, Cookie, Header, add_vary, forbid_storing
from tokensession.web.request_session import Found, UnopenedSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.legacy.reader import LegacyReader
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.session import SessionFields
    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession, Snapshot, Unwritten
    from tokensession.web.takeover import Takeover

FAILED: Final = 500  # what frameworks make of an error; of a StoreError it is to be a 503
_NAMED_KEYS = 3  # of a state that is too large

_log = logging.getLogger("tokensession")


class SessionManager(Generic[StateT]):
    """Opens the session of a request, and writes that of its response.

    Args:
        codec: Reads and writes the tokens; a key ring stands for a codec of the cookie's context
            and the OWASP profile.
        cookie: How they travel: a `Cookie` (``__Host-session`` by default), or a `Header`.
        legacy: Readers of the cookies of other libraries (`tokensession.legacy`), whose sessions
            are taken over where a request has no cookie of ours.

    Raises:
        ConfigError: Arguments of other types, a codec whose tokens would do for another cookie, or
            legacy cookies that cannot be taken over.
    """

    __slots__ = ("_codec", "_nothing", "_pinned", "_takeover", "cookie", "legacy", "storeless")

    @overload
    def __init__(
        self: SessionManager[Any],
        codec: KeyRing | KeyRingWatcher,
        *,
        cookie: Cookie | Header | None = None,
        legacy: Sequence[LegacyReader] = (),
    ) -> None: ...

    @overload
    def __init__(
        self,
        codec: SessionCodec[StateT],
        *,
        cookie: Cookie | Header | None = None,
        legacy: Sequence[LegacyReader] = (),
    ) -> None: ...

    def __init__(
        self,
        codec: SessionCodec[StateT] | KeyRing | KeyRingWatcher,
        *,
        cookie: Cookie | Header | None = None,
        legacy: Sequence[LegacyReader] = (),
    ) -> None:
        cookie = Cookie() if cookie is None else cookie
        if not isinstance(cookie, Cookie | Header):
            raise ConfigError(f"cookie must be a Cookie or a Header, not {type(cookie).__name__}")
        if not isinstance(codec, SessionCodec):
            codec = SessionCodec(codec, context=cookie.context, policy=Policy.owasp())
        elif codec.context == DEFAULT_CONTEXT != cookie.context:
            raise ConfigError(
                f"the codec's context is {DEFAULT_CONTEXT!r}, that of the default cookie, so its "
                f"tokens would do in the place of that one's: give it the context of this cookie, "
                f"SessionCodec(..., context={cookie.context!r}), or one of its own"
            )
        self._codec = codec
        self.cookie: Cookie | Header = cookie
        self.legacy: tuple[LegacyReader, ...] = tuple(legacy)
        self._nothing = codec.pack(codec.new())
        # The codec, where its ring cannot become another in the middle of a request.
        self._pinned = codec if codec.is_pinned else None
        # Whether no request ever has to wait for anything.
        self.storeless: bool = codec.revocations is None and not codec.can_overflow
        self._takeover: Takeover[StateT] | None = None
        if self.legacy:
            # Only now, as for new applications starting is to cost nothing.
            from tokensession.web.takeover import Takeover  # noqa: PLC0415

            self._takeover = Takeover(codec, cookie, self.legacy)

    def open(
        self, headers: Iterable[tuple[bytes, bytes]], *, now: float | None = None
    ) -> RequestSession[StateT]:
        """Return the session of a request; nothing is read before it is touched.

        Args:
            headers: The raw request headers, with names in lower case; no iterator, as they may be
                read twice.
            now: Unix seconds; the system's clock (at the first touch) when None.
        """
        return UnopenedSession(self, headers, now)

    def save(
        self,
        session: RequestSession[StateT],
        headers: Headers,
        *,
        status: int = 200,
        varies: bool = True,
        now: float | None = None,
    ) -> None:
        """Write what the response must say into its headers, and close the session.

        Args:
            session: As `open` gave it.
            headers: The response's headers, changed in place.
            status: The response's.
            varies: False for a response that caches never see, such as a WebSocket's.
            now: Unix seconds; the system's clock when None.

        Raises:
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that browsers would drop; names the largest keys.
            ConfigError: A changed session and a ring that cannot sign, or a response that an inner
                middleware has had say something else of the same cookie.
            StoreError: What ends with this response could not be recorded, or with overflow the
                state not be written; or the application failed (status 500) because nobody could
                tell whether the session lives. Answer 503 with these headers: after a sign-out
                they delete the cookie all the same.
        """
        if session.unknown is not None and status == FAILED:
            raise session.unknown
        if session.opened:
            if varies:
                add_vary(headers, self.cookie.vary)
            at = int(time()) if now is None else whole_seconds(now)
            before = session.before
            after = _snapshot(session)
            try:
                if not self.storeless or session.ends_others_of is not None:
                    self._revoke(session, after, at)
                change = self._change(session, after, at)
            except Expired as error:
                change = self._gone(session, after, error)
            except Revoked as error:
                # Ended meanwhile, so it does not go on under another id. The cookie is left alone:
                # it may be one that the other request has set.
                _log.debug("session not written: %s", error.code)
                change = None
            except StoreError:
                self._delete_after_sign_out(headers, session, at)
                session.close(readable=not varies)
                raise
            finally:
                session.before = after
            if change is not None:
                if self.cookie.is_written(headers):
                    self._check_second(change, headers, changed=_differs(after, before))
                else:
                    self._append(headers, change, session, at)
        session.close(readable=not varies)

    def _delete_after_sign_out(
        self, headers: Headers, session: RequestSession[StateT], at: int
    ) -> None:
        if session.found.kid and not session.kid and session.subject is None:
            self._append(headers, self.cookie.delete(), session, at)

    def _check_second(
        self, change: tuple[bytes, bytes], headers: Headers, *, changed: bool
    ) -> None:
        """Refuse a change of ours that a response cannot say, as it speaks of the cookie already.

        A mounted application with a middleware of its own for the same cookie has its own session,
        and a renewal of ours would bring back what was signed out there.

        Raises:
            ConfigError: Each has changed its session.
        """
        if changed and change not in headers:
            raise ConfigError(
                "two middlewares have each changed a session of one cookie, and one of the changes "
                "would be lost: leave out that of the mounted application, or give it another "
                "cookie"
            )

    def _append(
        self,
        headers: Headers,
        change: tuple[bytes, bytes],
        session: RequestSession[StateT],
        at: int,
    ) -> None:
        if session.overflowed is not None and change == self.cookie.delete():
            session.codec.discard(session)
        headers.append(change)
        if self._takeover is not None:
            ended = bool(session.given_up) or change == self.cookie.delete()
            headers.extend(self._takeover.deletions(session.headers, at, ended=ended))
        forbid_storing(headers)

    def saving_blocks(self, session: RequestSession[StateT]) -> bool:
        """Tell whether saving does I/O, so that async callers do it in a thread."""
        if self.storeless or not session.opened:
            return False
        if self._codec.may_wait(session, self.cookie.room):
            return True
        revocations = self._codec.revocations
        if revocations is None:
            return False
        if session.found.kid and session.sid != session.found.sid and self.is_changed(session):
            return True
        ends_others = session.ends_others_of is not None
        return ends_others or (revocations.blocking and not session.kid)

    def look_ahead(self, session: RequestSession[StateT]) -> bool:
        """Tell whether opening the session does I/O, so that async callers `prepare` it first.

        What can be read without a store is read here. The session counts as unopened.
        """
        if self.storeless:
            return False
        values = self.cookie.read(session.headers)
        if not values and self._takeover is None:
            return False
        revocations = self._codec.revocations
        if revocations is not None and revocations.blocking:
            return True
        if not self._codec.can_overflow:
            return False
        if len(values) > 1:  # to tell which is good takes all of them
            return True
        self._prepare(session, values, fetch=False)
        return isinstance(session.prepared, tuple) and session.prepared[-1] is not None

    def prepare(self, session: RequestSession[StateT]) -> None:
        """Read what the request carries without opening its session.

        Whatever cannot be told is raised when the session is opened, if it ever is.
        """
        values = self.cookie.read(session.headers)
        if values or self._takeover is not None:
            self._prepare(session, values, fetch=True)

    def _prepare(
        self, session: RequestSession[StateT], values: list[bytes], *, fetch: bool
    ) -> None:
        try:
            if isinstance(session.prepared, tuple):
                session.prepared = session.codec.fetched(session.prepared)
                return
            session.codec = self._codec.pinned()
            at = whole_seconds(session.now)
            session.prepared = self._carried(session, values, at, fetch=fetch)
        except (TokenError, StoreError) as error:
            session.prepared = error

    def check_unchanged(self, session: RequestSession[StateT]) -> None:
        """Refuse to lose what was changed after the response had begun.

        Raises:
            ConfigError: The state is not the one that was saved.
        """
        if session.opened and session.before[1] != self._codec.pack(session):
            raise ConfigError(
                "the session's state was changed after the response had begun, and that change "
                "is lost: change it before the first byte is sent"
            )

    def is_changed(self, session: RequestSession[StateT]) -> bool:
        """Tell whether a session is not as it was found, or as it was saved last."""
        if not session.opened:
            return False
        return _differs(_snapshot(session), session.before)

    def check(self, session: RequestSession[StateT]) -> None:
        """Raise what writing the session would raise; see `RequestSession.check`."""
        now = max(whole_seconds(session.now), session.started_at)
        after = _snapshot(session)
        try:
            self._change(session, after, now)
        except Expired:
            if after != session.before:
                raise

    def confirm(self, session: RequestSession[StateT]) -> None:
        """Ask the store of revocations now; see `RequestSession.confirm`."""
        try:
            revocations = self._codec.revocations
            if revocations is not None and session.kid and session.sid != session.found.sid:
                # The store has still to hear of the new id, and the former is what may have ended.
                revocations.confirm(*session.found[:3])
            else:
                self._codec.confirm(session)
        except StoreError as error:
            session.unknown = error
            raise

    def token(self, session: Session[StateT], *, now: float | None = None) -> str:
        """Return the token of a session as it is now, for whoever keeps it without a response.

        Raises:
            Expired: The session's end has come.
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that no reader would take.
            ConfigError: A ring that cannot sign.
            StoreError: Nobody can tell whether a session that begins here lives.
        """
        self._codec.begin(session, whole_seconds(now))
        return self._codec.renew(session, now=now)

    def until_closed(self) -> SessionManager[StateT]:
        """Return a manager whose cookie browsers forget when they close; its tokens are the same.

        What travels in a header is kept by the client anyhow.
        """
        if not isinstance(self.cookie, Cookie):
            return self
        cookie = replace(self.cookie, persistent=False)
        return SessionManager(self._codec, cookie=cookie, legacy=self.legacy)

    def load(self, session: RequestSession[StateT]) -> None:
        """Fill a request's session with what its headers carry, or with a new session.

        Raises:
            StoreError: Nobody can tell whether the session is revoked.
        """
        now, prepared = session.now, session.prepared
        at = int(time()) if now is None else whole_seconds(now)
        values = self.cookie.read(session.headers)
        refused: str | None = None
        bearer = None
        codec = self._codec
        try:
            if prepared is None:
                session.codec = self._pinned or codec.pinned()
            codec = session.codec
            if prepared is None and len(values) == 1:  # as most requests have it
                fields: SessionFields[StateT] | None = codec.read(values[0], at)
            else:
                fields = self._prepared(session, values, at)
        except BadState as error:
            fields, refused, bearer = None, error.code, error.bearer
        except TokenError as error:
            fields, refused = None, error.code
        except StoreError as error:
            session.unknown = error
            raise
        kind = type(session)
        if kind.opened and hasattr(session, "before"):
            return  # another thread was faster, and may have changed it
        Session.__init__(session, fields or codec.new_fields(at))
        session.refused = refused
        session.presented = fields is not None or bool(values) or refused is not None
        before = (session.sid, codec.pack_found(session), session.ttl, session.cap)
        # One that was taken over has still to be written, whatever it is.
        session.before = before if values or fields is None else (*before, True)
        if not self.storeless:
            # One that is refused for its state alone is ended by what takes its place.
            own = session.sid, session.subject, session.started_at, session.kid
            session.found = Found(*(bearer or own))
        if not kind.opened:
            # A class with __getattr__ makes every access slower, so it is left behind.
            session.__class__ = kind.becomes

    def _prepared(
        self, session: RequestSession[StateT], values: list[bytes], at: int
    ) -> SessionFields[StateT] | None:
        prepared = session.prepared
        if isinstance(prepared, TokenError | StoreError):
            raise prepared
        return prepared or self._carried(session, values, at)

    def _carried(
        self, session: RequestSession[StateT], values: list[bytes], at: int, *, fetch: bool = True
    ) -> SessionFields[StateT] | None:
        """Return the session that a request carries, or None."""
        if not values and self._takeover is not None:
            # Never beside a cookie of ours, be it good or not: that would be a way back.
            return self._takeover.read(session.headers, at, session.codec)
        return self._decode(values, at, session.codec, fetch=fetch)

    def _decode(
        self, values: list[bytes], at: int, codec: SessionCodec[StateT], *, fetch: bool = True
    ) -> SessionFields[StateT] | None:
        """Return the session of the one good value; of several, none can be told to be ours."""
        if len(values) <= 1:
            return codec.read(values[0], at, fetch=fetch) if values else None
        if len(values) > MAX_CANDIDATES:
            # Not the first of them: whoever can set cookies could push the true one out of sight.
            raise Malformed(f"more than {MAX_CANDIDATES} cookies of one name")
        good = []
        for value in values:
            with contextlib.suppress(TokenError):
                good.append(codec.read(value, at))
        if len(good) != 1:
            raise Malformed(f"{len(values)} cookies of one name, of which {len(good)} are good")
        return good[0]

    def _revoke(self, session: RequestSession[StateT], after: Snapshot, now: int) -> None:
        """End what ends with this response, and date what begins with it."""
        revocations, codec = self._codec.revocations, session.codec
        if revocations is not None and codec.can_mint and after != session.before:
            sid, subject, started_at, kid = session.found
            # Whoever signs in, and no more, without having been signed in keeps what was nobody's.
            once = len(session.given_up) == 1
            signs_in = once and subject is None and session.subject is not None
            if kid and session.sid != sid and not signs_in:
                if session.kid:  # it goes on under another id
                    revocations.replace(sid, session.sid, subject, started_at, now)
                else:
                    revocations.deny(sid, subject, started_at, now)
        for subject in session.ends_others_of or ():
            same = session.subject is not None and str(session.subject) == str(subject)
            codec.revoke_subject(subject, keep=session if same else None, now=now)
        if revocations is None or session.kid:
            return
        if session.subject is not None or codec.pack(session) != self._nothing:
            codec.begin(session, now)

    def _gone(
        self, session: RequestSession[StateT], after: Snapshot, error: Expired
    ) -> tuple[bytes, bytes] | None:
        """Return what the response says of a session whose end came during its request, or None.

        It is gone with all that it held, so one that was changed deletes its cookie: a client
        that goes on with the old token could, where clocks differ, find the change missing.
        """
        _log.debug("session not written: %s", error.code)
        changed = after != session.before
        return self.cookie.delete() if session.presented and changed else None

    def _change(
        self, session: RequestSession[StateT], after: Snapshot, now: int
    ) -> tuple[bytes, bytes] | None:
        """Return the response header that takes the session from `before` to `after`, or None."""
        codec = session.codec
        packed = after[1]
        if packed is not None and after == session.before:
            due = session.renewable and session.kid and codec.renewal_is_due(session, now=now)
            return self._renew(session, packed, now) if due else None
        if not codec.can_mint:
            raise ConfigError(
                "the session was changed, but this ring only reads: change sessions where the "
                "ring can sign"
            )
        if session.subject is None and packed == self._nothing:
            return self.cookie.delete() if session.presented else None
        return self._write(session, packed, now)

    def _renew(
        self, session: RequestSession[StateT], packed: bytes, now: int
    ) -> tuple[bytes, bytes] | None:
        """Return what gives an unchanged session a fresh token, or None where that does not fit.

        The signature of another algorithm may be longer. Whoever only reads is not to fail by it.
        """
        try:
            return self._write(session, packed, now)
        except SessionTooLarge as error:
            _log.warning("session not renewed: %s", error)
            return None

    def _write(
        self, session: RequestSession[StateT], packed: bytes | None, now: int
    ) -> tuple[bytes, bytes]:
        cookie = self.cookie
        try:
            return cookie.write(
                *session.codec.reissue(session, now, room=cookie.room, packed=packed)
            )
        except SessionTooLarge as error:
            raise SessionTooLarge(
                f"{error}{self._largest(session.state)}",
                size=error.size,
                limit=error.limit,
            ) from None

    def _largest(self, state: Any) -> str:
        """Name the keys that take most, and never what they hold."""
        if not isinstance(state, dict):
            return ""
        sizes = {key: len(encode_msgpack(value)) for key, value in state.items()}
        largest = sorted(sizes, key=lambda key: -sizes[key])[:_NAMED_KEYS]
        return f" (largest: {', '.join(f'{key!r} {sizes[key]} bytes' for key in largest)})"


def _snapshot(session: RequestSession[Any]) -> Snapshot:
    return session.sid, session.codec.pack(session), session.ttl, session.cap


def _differs(after: Snapshot, before: Snapshot | Unwritten) -> bool:
    """Tell whether a session was changed, whether or not it has still to be written."""
    return after != before[: len(after)]


def manager_of(
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    *,
    policy: Policy | None = None,
    cookie_name: str = "__Host-session",
    revocation: Store | Check | None = None,
) -> SessionManager[Any]:
    """Return the manager that an adapter was given, or one made of what it was given.

    Args:
        keys: The ring, its watcher, or a manager with everything in it.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one.

    Raises:
        ConfigError: Wrong arguments, or a manager together with what it already holds.
    """
    if isinstance(keys, SessionManager):
        if policy is not None or revocation is not None or cookie_name != Cookie().name:
            raise ConfigError(
                "a manager has its policy, cookie and revocation: give them to its parts"
            )
        return keys
    cookie = Cookie(name=cookie_name)
    codec: SessionCodec[Any] = SessionCodec(
        keys,
        context=cookie.context,
        policy=Policy.owasp() if policy is None else policy,
        revocation=revocation,
    )
    return SessionManager(codec, cookie=cookie)
