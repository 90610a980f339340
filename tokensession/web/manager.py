"""Sessions over HTTP: open a request's session, and save it into the response."""

from __future__ import annotations

from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, overload

from tokensession.errors import ConfigError, StoreError
from tokensession.format.claims import StateT
from tokensession.format.seconds import whole_seconds
from tokensession.sessions.steps import run
from tokensession.web.caching import add_vary
from tokensession.web.cookies import Cookie, Header
from tokensession.web.opening import Opening, takeover_of
from tokensession.web.options import codec_of, readers_of
from tokensession.web.request_session import BEFORE_HEAD, COMPLETE, IN_BODY, RequestSession
from tokensession.web.saving import Saving

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.legacy.reader import LegacyReader
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.tokens.options import CodecOptions
    from tokensession.web.cookies import Headers

FAILED: Final = 500  # the status of an unexpected error


class SessionManager(Generic[StateT]):
    """Opens the session of a request, and saves it into the response.

    Args:
        keys: The key ring or its `KeyRingWatcher`; or a `SessionCodec` with its own options.
        cookie: How tokens travel: a `Cookie` (by default ``__Host-session``) or a `Header`.
        legacy: Readers of other libraries' cookies (`tokensession.legacy`). A request without our
            cookie takes over the session in theirs.
        state_type: The type of the state; see `SessionCodec`.
        options: See `CodecOptions`. The tokens' context is the cookie's.

    Attributes:
        cookie: The cookie or header in use.
        storeless: Whether no request ever waits for a store.
        fixed_keys: The keys, if no watcher replaces them.
        vary: The request header that responses depend on.

    Raises:
        ConfigError: An argument is invalid, a codec is combined with options, the codec's tokens
            would be valid in another cookie, or legacy cookies cannot be taken over.
    """

    __slots__ = (
        "_codec", "_opening", "_saving", "cookie", "fixed_keys", "legacy", "storeless", "vary",
    )  # fmt: skip

    @overload
    def __init__(
        self: SessionManager[Any], keys: KeyRing | KeyRingWatcher, *,
        cookie: Cookie | Header | None = ..., legacy: Sequence[LegacyReader] = ...,
        state_type: None = ..., **options: Unpack[CodecOptions],
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, keys: KeyRing | KeyRingWatcher, *, cookie: Cookie | Header | None = ...,
        legacy: Sequence[LegacyReader] = ..., state_type: type[StateT],
        **options: Unpack[CodecOptions],
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, keys: SessionCodec[StateT], *, cookie: Cookie | Header | None = ...,
        legacy: Sequence[LegacyReader] = ...,
    ) -> None: ...  # fmt: skip

    def __init__(
        self,
        keys: SessionCodec[StateT] | KeyRing | KeyRingWatcher,
        *,
        cookie: Cookie | Header | None = None,
        legacy: Sequence[LegacyReader] = (),
        state_type: type[StateT] | None = None,
        **options: Unpack[CodecOptions],
    ) -> None:
        self.cookie: Cookie | Header = Cookie() if cookie is None else cookie
        self._codec: SessionCodec[StateT] = codec_of(keys, self.cookie, state_type, options)
        (codec := self._codec).changes.check_begins()
        self.legacy: tuple[LegacyReader, ...] = readers_of(legacy)
        self.storeless: bool = codec.reader.storeless
        self.fixed_keys: RingKeys | None = codec.rings.fixed
        self.vary: bytes = self.cookie.vary
        takeover = takeover_of(codec, self.cookie, self.legacy)
        self._opening: Opening[StateT] = Opening(codec.reader, self.cookie, takeover)
        self._saving: Saving[StateT] = Saving(codec, self.cookie, takeover)

    @property
    def codec(self) -> SessionCodec[StateT]:
        """The codec that reads and writes the tokens."""
        return self._codec

    def open(
        self, headers: Iterable[tuple[bytes, bytes]], *, scheme: str | None = None,
        now: float | None = None,
    ) -> RequestSession[StateT]:  # fmt: skip
        """Return the session of a request. It is opened lazily, when it is first used.

        Args:
            headers: The list of raw request headers, with names in lower case.
            scheme: The request's scheme. The log warns once about a Secure cookie over ``http``.
            now: Unix seconds; the system's clock when None.
        """
        return RequestSession(self, headers, now, scheme)

    @property
    def lags(self) -> bool:
        """Whether the keys must be read again before the next token."""
        return self.fixed_keys is None and self._codec.rings.lags

    def can_wait(self, session: RequestSession[StateT]) -> bool:
        """Tell whether opening a session can wait for a store or for the keys' source."""
        return (not self.storeless and self._opening.carries(session._headers)) or self.lags

    def opening(self, session: RequestSession[StateT]) -> Steps[None]:
        """Read the session of a request ahead, and hold it until the application uses it.

        Until then the session counts as unopened: it is not renewed, and the response does not
        vary. An error is held in the same way.
        """
        try:
            if (reading := self._codec.rings.due()) is not None:
                yield reading
            session._keys = keys = self._codec.rings.current()
            session._held = yield from self._opening.steps(session._headers, session._at, keys)
        except StoreError as error:
            session._held = error

    def load(self, session: RequestSession[StateT]) -> SessionValue[StateT]:
        """Return the session that a request carries, or a new one.

        Raises:
            StoreError: The store could not tell whether the session is revoked.
        """
        try:
            held = session._held
            if isinstance(held, StoreError):
                raise held
            if held is not None:
                return held
            if self.fixed_keys is None:
                keys = self._codec.rings.current()
                if session._phase == BEFORE_HEAD:
                    session._keys = keys
            return self._opening.now(session._headers, session._at, session._keys)
        except StoreError as error:
            session._unknown = error
            raise

    def save(
        self,
        session: RequestSession[StateT],
        headers: Headers,
        *,
        status: int = 200,
        method: str | None = None,
        varies: bool = True,
        now: float | None = None,
    ) -> None:
        """Write the session into the response's headers, and close the session.

        Afterwards the session can only be read. If it was not opened before, reading needs
        `complete` first, or a response that no cache stores.

        Args:
            session: The session from `open`.
            headers: The response's headers, changed in place.
            status: The response's status.
            method: The request's method, if known.
            varies: False for a response that caches never see, such as a WebSocket's.
            now: Unix seconds; the system's clock when None.

        Raises:
            StateError: The state contains a value that cannot be written unchanged.
            SessionTooLarge: Browsers would drop the token; the message names the largest keys.
            ConfigError: The session was changed but the ring cannot sign, or an inner middleware
                has set the same cookie to another value.
            StoreError: The end of a session could not be recorded, or the overflow state could not
                be written. Also raised if the application failed (status 500) because the store
                could not tell whether the session is revoked. Answer 503.

        After a sign-out the headers delete the cookie even if this raises: answer with them.
        """
        value = session._value
        if value is not None and not self.storeless:
            run(self.saving(session, headers, status=status, method=method, varies=varies, now=now))
            return
        if value is not None or session._unknown is not None:  # in most requests, neither
            at = self._begin(session, headers, status, now, varies=varies)
            if value is not None:
                self._saving.now(session, value, headers, at)
        session._response, session._method = headers, method
        session._phase = IN_BODY if varies else COMPLETE

    def saving(
        self,
        session: RequestSession[StateT],
        headers: Headers,
        *,
        status: int = 200,
        method: str | None = None,
        varies: bool = True,
        now: float | None = None,
    ) -> Steps[None]:
        """Save as `save` does, in steps.

        Raises:
            TokenSessionError: As for `save`.
        """
        value = session._value
        if value is None or self.storeless:
            self.save(session, headers, status=status, method=method, varies=varies, now=now)
            return
        at = self._begin(session, headers, status, now, varies=varies)
        try:
            yield from self._saving.steps(session, value, headers, at)
        except StoreError:
            self.complete(session)  # a 503 replaces the response, and contains no change
            raise
        session._response, session._method = headers, method
        session._phase = IN_BODY if varies else COMPLETE

    def _begin(
        self,
        session: RequestSession[StateT],
        headers: Headers,
        status: int,
        now: float | None,
        *,
        varies: bool,
    ) -> int:
        """Start saving, and return its Unix second."""
        if session._unknown is not None and status == FAILED:
            raise session._unknown
        if varies and session._value is not None:
            add_vary(headers, self.vary)
        return int(time()) if now is None else whole_seconds(now)

    @staticmethod
    def begin_body(session: RequestSession[StateT]) -> None:
        """Record that the head of a streamed response was sent, so no header can be added."""
        session._phase = IN_BODY

    @staticmethod
    def complete(session: RequestSession[StateT]) -> None:
        """Mark the response as complete or failed.

        Loggers and background tasks can then still read the session, as it was at the start.
        """
        session._phase = COMPLETE

    def check_unchanged(self, session: RequestSession[StateT]) -> None:
        """Refuse to lose a change that was made after the response began.

        Raises:
            ConfigError: The state differs from the saved one.
        """
        value = session._value
        if value is not None and value.shared and self._saving.is_changed(session, value):
            raise ConfigError(
                "the session's state was changed after the response began, so the change is lost: "
                "change it before the first byte is sent"
            )

    def is_changed(self, session: RequestSession[StateT]) -> bool:
        """Tell whether a session has changed since it was found or last saved."""
        value = session._value
        return value is not None and self._saving.is_changed(session, value)

    def check(self, session: RequestSession[StateT]) -> None:
        """Raise what writing the session would raise; see `RequestSession.check`."""
        at = int(time()) if session._now is None else session._at
        run(self._saving.trial(session, session._open(), at))


def until_closed(manager: SessionManager[StateT]) -> SessionManager[StateT]:
    """Return a manager whose cookie browsers delete when they close; its tokens are the same.

    A header's client keeps its token in any case.
    """
    if not isinstance(manager.cookie, Cookie):
        return manager
    cookie = replace(manager.cookie, persistent=False)
    return SessionManager(manager.codec, cookie=cookie, legacy=manager.legacy)
