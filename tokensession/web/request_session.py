"""The session of one request: opened when it is first touched, read-only once the response begins.

It is a handle with a value inside. The value is made once and published once, so all threads of a
request work on the same.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, SupportsIndex, TypeAlias

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

# The three times of a request's session.
BEFORE_HEAD: Final = 0  # it can be changed
IN_BODY: Final = 1  # it can be read, if it was opened before or no cache stores the response
COMPLETE: Final = 2  # it can be read

_BEGUN: Final = (
    "the response has begun, so the session cannot be changed any more: change it before the "
    "first byte is sent (for a WebSocket: before it is accepted)"
)
_BEGUN_UNREAD: Final = (
    "the response has begun without saying that it depends on the session, so caches may give it "
    "to others: read the session once before the first byte is sent"
)


# Session id, packed state, ttl and cap.
Snapshot: TypeAlias = "tuple[bytes, bytes | None, int, int | None]"


class Opener(Protocol):
    """What a request's session is opened by."""

    fixed_keys: RingKeys | None  # those of a ring that nothing replaces
    vary: bytes  # the request header that a response depends on

    @property
    def codec(self) -> SessionCodec[Any]:
        """What reads and writes the tokens."""
        ...

    def load(self, session: RequestSession[Any]) -> SessionValue[Any]:
        """Return the session that the request carries, or a new one."""
        ...

    def is_changed(self, session: RequestSession[Any]) -> bool:
        """Tell whether it is not as it was found."""
        ...

    def check(self, session: RequestSession[Any]) -> None:
        """Raise what writing it would raise."""
        ...


class RequestSession(Session[StateT]):
    """The session of one request, which can be changed until its response begins.

    Nothing is read before the application first touches it. A request that never does neither
    decodes nor renews, and its response does not vary.

    Args:
        opener: Opens it.
        headers: The raw request headers.
        now: Unix seconds of the request; the system's clock when None.
        scheme: That of the request, as its server tells it; None where it is not known.

    Attributes:
        renewable: Set it to False in a request that must not keep the session alive, such as a
            page that polls. It opens nothing.
    """

    __slots__ = (
        "_at", "_ends_others_of", "_flagged", "_headers", "_held", "_keys", "_late", "_method",
        "_now", "_opener", "_phase", "_published", "_response", "_saved", "_scheme", "_unknown",
        "renewable",
    )  # fmt: skip

    renewable: bool
    _now: float | None  # as given
    _at: int  # Unix second at which the request began
    _keys: RingKeys  # of the one ring that this request sees
    _phase: int
    # What the request carries, where that was read ahead; or why it could not be.
    _held: SessionValue[StateT] | StoreError | None
    _flagged: bool  # whether the application has said that it changed the session
    _published: dict[str, SessionValue[StateT]]
    # The subjects whose other sessions end with the response, or None.
    _ends_others_of: tuple[str | int, ...] | None
    _unknown: StoreError | None  # why the session could not be told, when it was asked for
    # Id, packed state, ttl and cap as they were saved, or None where nothing had been touched.
    _saved: Snapshot | None
    _response: Headers | None  # the headers of the response that was handed on
    _method: str | None  # of the request, where the adapter knows it
    _scheme: str | None
    _late: Callable[[], None] | None  # makes the response vary, where its headers are no list

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
        self._scheme = scheme
        self._response = self._method = self._late = None

    @property
    def opened(self) -> bool:
        """Whether anything has asked for the session."""
        return self._value is not None

    @property
    def closed(self) -> bool:
        """Whether the response has begun, so that changes are refused."""
        return self._phase != BEFORE_HEAD

    @property
    def accessed(self) -> bool:
        """Whether anything has opened the session. Setting it has no effect: caches rely on it."""
        return self._value is not None

    @accessed.setter
    def accessed(self, value: bool) -> None:
        pass

    @property
    def modified(self) -> bool:
        """Whether the session has changed in this request, or the application has said so.

        Every change is saved, whether this is set or not.
        """
        if self._flagged or self._saved is not None:
            return True
        return self._value is not None and self._opener.is_changed(self)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._flagged = bool(value)

    def open(self) -> None:
        """Open the session, so that the response says that it depends on it.

        Raises:
            ConfigError: The response has begun without saying so, and a cache may store it.
            StoreError: It cannot be told whether the session is revoked.
        """
        self._open()

    def _open(self) -> SessionValue[StateT]:
        """Return the value: made, and published, by the first thread that asks."""
        value = self._value
        if value is not None:
            return value
        phase = self._phase
        if phase == IN_BODY and may_be_stored(self._method, self._response):
            raise ConfigError(_BEGUN_UNREAD)
        made = self._opener.load(self)
        value = self._published.setdefault("value", made)  # one step of the interpreter
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
        """Do nothing: Starlette calls it when a page names the session, which opens nothing yet."""

    def mark_modified(self) -> None:
        """Note that the session has changed, as Starlette's users do."""
        self._flagged = True

    def check(self) -> None:
        """Raise now what the writing would raise when the response begins.

        For an application that wants to answer it: by then, frameworks answer 500. The change stays
        in the session, so take it back before you answer. A session that needs no writing raises
        nothing. A state that overflows is written to its store: in asynchronous code do it in a
        thread, as with `confirm`.

        Raises:
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that browsers would drop.
            ConfigError: A changed session and a ring that cannot sign.
            Expired: The session's end has come during the request, and the change goes with it.
                The response will not fail: it deletes the cookie.
            StoreError: With overflow, a store that cannot be written.
        """
        self._opener.check(self)

    def revoke_others(self) -> None:
        """End all other sessions of the subject when the response is saved, and keep this one.

        "Log out my other devices"; with `clear` after it, also this one. Where that cannot be
        recorded, the response is a 503.

        Raises:
            ConfigError: The session has no subject, the response has begun, or there is no
                revocation list.
        """
        subject = self._changing().subject
        _ = self._opener.codec.listed  # loud before harm
        if subject is None:
            raise ConfigError("no user is signed in, so there are no other sessions to end")
        self._ends_others_of = (*(self._ends_others_of or ()), subject)

    def confirm(self) -> None:
        """Ask the store of revocations now, even if a replica answers otherwise; it does I/O.

        For a route that must not act on word that is seconds old. In asynchronous code:
        ``await asyncio.to_thread(request.session.confirm)``.

        Raises:
            Revoked: The session was ended.
            StoreError: The store cannot be asked (the response is a 503, unless you answer it).
            ConfigError: There is no revocation list.
        """
        value = self._open()
        found, listed = value.opened, self._opener.codec.listed
        try:
            if found is not None and value.kid and value.sid != found.claims.sid:
                # The store has still to hear of the new id, and the former can have ended.
                listed.confirm(found.claims.sid, found.claims.sub, found.started_at)
            else:
                listed.confirm(value.sid, value.subject, value.started_at)
        except StoreError as error:
            self._unknown = error
            raise

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be copied or pickled: signing out would leave the request's session alone."""
        raise TypeError(
            "the session of a request is neither copied nor pickled; copy its state instead: "
            "session.copy()"
        )

    def __repr__(self) -> str:
        """Show dates and key; reports of errors show it, so it opens nothing."""
        return "<Session, not opened>" if self._value is None else super().__repr__()
