"""The session of one request: opened on first use, read-only once the response begins.

It is a handle with a value inside. The value is created once, so all threads of a request share it.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from tokensession.errors import ConfigError, StoreError
from tokensession.format.claims import StateT
from tokensession.format.seconds import whole_seconds
from tokensession.sessions.session import Session
from tokensession.web.caching import add_vary, may_be_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.codec import SessionCodec
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.web.cookies import Headers

# The three phases of a request's session.
BEFORE_HEAD: Final = 0  # it can be changed
IN_BODY: Final = 1  # it can be read, if it was opened before or no cache stores the response
COMPLETE: Final = 2  # it can be read

_BEGUN: Final = (
    "the response has begun, so the session is read-only: change it before the first byte is "
    "sent (for a WebSocket: before it is accepted)"
)
_BEGUN_UNREAD: Final = (
    "the response has begun without varying on the session, so caches could give it to others: "
    "read the session once before the first byte is sent"
)


# Session id, packed state, ttl and cap.
Snapshot: TypeAlias = "tuple[bytes, bytes | None, int, int | None]"


class Opener(Protocol):
    """Opens the session of a request."""

    fixed_keys: RingKeys | None  # None if a watcher replaces the ring
    vary: bytes  # the request header that a response depends on

    @property
    def codec(self) -> SessionCodec[Any]:
        """The codec that reads and writes the tokens."""
        ...

    def load(self, session: RequestSession[Any]) -> SessionValue[Any]:
        """Return the session that the request carries, or a new one."""
        ...

    def is_changed(self, session: RequestSession[Any]) -> bool:
        """Tell whether the session has changed since it was found."""
        ...

    def check(self, session: RequestSession[Any]) -> None:
        """Raise what writing the session would raise."""
        ...


class RequestSession(Session[StateT]):
    """The session of one request. It can be changed until the response begins.

    The session is opened lazily, on first use. A request that does not use it neither decodes nor
    renews a token, and its response does not vary.

    Args:
        opener: Opens the session.
        headers: The raw request headers.
        now: Unix seconds of the request; the system's clock when None.
        scheme: That of the request, as its server tells it; None where it is not known.

    Attributes:
        renewable: Set it to False in a request that must not keep the session alive, such as a
            polling page. This does not open the session.
    """

    __slots__ = (
        "_at", "_ends_others_of", "_flagged", "_headers", "_held", "_keys", "_late", "_method",
        "_now", "_opener", "_phase", "_published", "_response", "_said", "_saved", "_scheme",
        "_unknown", "renewable",
    )  # fmt: skip

    renewable: bool
    _now: float | None  # as given
    _at: int  # of the start of the request
    _keys: RingKeys  # of the one ring that this request uses
    _phase: int
    # The session that was read ahead, or the error of reading it.
    _held: SessionValue[StateT] | StoreError | None
    _flagged: bool  # whether the application has said that it changed the session
    _published: dict[str, SessionValue[StateT]]
    # The subjects whose other sessions end with the response, or None.
    _ends_others_of: tuple[str | int, ...] | None
    _unknown: StoreError | None  # the error of the store, when the session was opened
    # The session as it was last saved, or None if it was not used.
    _saved: Snapshot | None
    # The header of its last response, and whether that header ends the session.
    _said: tuple[tuple[bytes, bytes], bool] | None
    _response: Headers | None  # of the response that was passed on
    _method: str | None  # of the request, if the adapter knows it
    _scheme: str | None
    _late: Callable[[], None] | None  # makes the response vary, if its headers are not a list

    def __init__(
        self,
        opener: Opener,
        headers: Iterable[tuple[bytes, bytes]],
        now: float | None,
        scheme: str | None = None,
    ) -> None:
        self._opener = opener
        self._headers = headers
        self._now = now
        self._at = int(time()) if now is None else whole_seconds(now)
        self._keys = opener.fixed_keys or opener.codec.rings.at_hand()
        self.renewable = True
        self._flagged = False
        self._phase = BEFORE_HEAD
        self._published = {}
        self._value = self._held = self._ends_others_of = self._unknown = self._saved = None
        self._said = None
        self._scheme = scheme
        self._response = self._method = self._late = None

    @property
    def opened(self) -> bool:
        """Whether the session was opened."""
        return self._value is not None

    @property
    def _is_unused(self) -> bool:
        """Whether it was not opened, and no store failed, so that nothing need be saved."""
        return self._value is None and self._unknown is None

    @property
    def closed(self) -> bool:
        """Whether the response has begun, so that changes raise an error."""
        return self._phase != BEFORE_HEAD

    @property
    def accessed(self) -> bool:
        """Whether the session was opened. Setting it has no effect, because caches rely on it."""
        return self._value is not None

    @accessed.setter
    def accessed(self, value: bool) -> None:
        pass

    @property
    def modified(self) -> bool:
        """Whether the session changed in this request, or the application marked it as changed.

        Every change is saved, also without this mark.
        """
        if self._flagged or self._saved is not None:
            return True
        return self._value is not None and self._opener.is_changed(self)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._flagged = bool(value)

    def open(self) -> None:
        """Open the session, so that the response varies on it.

        Raises:
            ConfigError: The response has begun without varying, and a cache can store it.
            StoreError: The store could not tell whether the session is revoked.
        """
        self._open()

    def _open(self) -> SessionValue[StateT]:
        """Return the value; the first thread that asks creates and publishes it."""
        value = self._value
        if value is not None:
            return value
        phase = self._phase
        if phase == IN_BODY and may_be_stored(self._method, self._response):
            raise ConfigError(_BEGUN_UNREAD)
        made = self._opener.load(self)
        value = self._published.setdefault("value", made)  # atomic in the interpreter
        self._value = value
        if phase != BEFORE_HEAD:
            if self._late is not None:
                self._late()
            elif self._response is not None:
                add_vary(self._response, self._opener.vary)
        return value

    def _changing(self) -> SessionValue[StateT]:
        """Return the value for a change.

        Raises:
            ConfigError: The response has begun.
        """
        if self._phase:
            raise ConfigError(_BEGUN)
        return self._value or self._open()

    def mark_accessed(self) -> None:
        """Do nothing. Starlette calls this when a page mentions the session, before any use."""

    def mark_modified(self) -> None:
        """Mark the session as changed, as Starlette does."""
        self._flagged = True

    def check(self) -> None:
        """Raise now what writing the session would raise when the response begins.

        Use it to answer such an error yourself, because later the framework answers 500. The change
        stays in the session, so undo it before you answer. A session that needs no writing raises
        nothing. A state that overflows is written to its store: in asynchronous code call this in a
        thread, as for `confirm`.

        Raises:
            StateError: The state contains a value that cannot be written unchanged.
            SessionTooLarge: Browsers would drop the token.
            ConfigError: The session was changed, but the ring cannot sign.
            Expired: The session ended during the request, and its change is lost. The response will
                not fail: it deletes the cookie.
            StoreError: The overflow store cannot be written.
        """
        self._opener.check(self)

    def revoke_others(self) -> None:
        """End all other sessions of the subject when the response is saved, and keep this one.

        This is "Log out my other devices". Call `clear` afterwards to end this session too. If the
        end cannot be recorded, the response is a 503.

        Raises:
            ConfigError: The session has no subject, the response has begun, or there is no
                revocation list.
        """
        subject = self._changing().subject
        _ = self._opener.codec.listed  # raises if there is no list
        if subject is None:
            raise ConfigError("no subject is signed in, so it has no other sessions: sign in first")
        self._ends_others_of = (*(self._ends_others_of or ()), subject)

    def confirm(self) -> None:
        """Check the revocation store now, even if a replica has an answer. Does I/O.

        Use it in a route that must not rely on data that is seconds old. In asynchronous code:
        ``await asyncio.to_thread(request.session.confirm)``.

        Raises:
            Revoked: The session was revoked.
            StoreError: The store cannot be read (the response is a 503, unless you answer the
                error).
            ConfigError: There is no revocation list.
        """
        value, listed = self._open(), self._opener.codec.listed
        sid, started_at = self._recorded()
        try:
            listed.confirm(sid, value.subject, started_at)
        except StoreError as error:
            self._unknown = error
            raise

    def _recorded(self) -> tuple[bytes, int]:
        """Return the id and the start by which a revocation list knows the session.

        The list does not know a new id until the response is saved, and the former one can have
        ended.
        """
        value = self._value or self._open()
        found = value.opened
        if found is not None and value.kid and self._saved is None:
            return found.claims.sid, found.started_at
        return value.sid, value.started_at

    @property  # type: ignore[misc]  # typeshed lets it be set
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """dict, because the frameworks' own sessions are dicts, and packages check for that."""
        return dict

    def __dir__(self) -> list[str]:
        """Return the names of the session's own attributes, not of `__class__`."""
        return dir(type(self))

    def __repr__(self) -> str:
        """Show dates and key without opening the session, because error reports show this."""
        return "<Session, not opened>" if self._value is None else super().__repr__()
