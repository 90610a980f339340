"""The session of one request: opened when it is first touched, closed when the response begins."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    NamedTuple,
    NoReturn,
    Protocol,
    SupportsIndex,
)

from tokensession.errors import ConfigError, StoreError, TokenError
from tokensession.format.claims import StateT
from tokensession.format.lazy_state import Members
from tokensession.sessions.session import Session, SessionFields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.format.claims import Subject
    from tokensession.tokens.codec import SessionCodec

_VALUES: Final = frozenset(Session.__slots__) - {"__weakref__"}
_BEGUN: Final = (
    "the response has begun, so the session cannot be changed any more: change it before the "
    "first byte is sent (for a WebSocket: before it is accepted)"
)
_BEGUN_UNREAD: Final = (
    "the response has begun without saying that it depends on the session, so caches may give it "
    "to others: read the session once before the first byte is sent"
)


class Found(NamedTuple):
    """Whose session a request carried, before the application changed anything.

    Attributes:
        sid: Its id.
        subject: Whose it was.
        started_at: When it began.
        kid: The key of its token; "" where the request had no session.
    """

    sid: bytes
    subject: Subject
    started_at: int
    kid: str


# What a change is told by: session id, packed state (None where it cannot be packed), ttl and cap.
Snapshot = tuple[bytes, bytes | None, int, int | None]
# The same of a session that has still to be written, which thereby equals none.
Unwritten = tuple[bytes, bytes | None, int, int | None, bool]


class Opener(Protocol):
    """What a request's session is opened by."""

    def load(self, session: RequestSession[Any]) -> None:
        """Fill it with the values of the session that the request carries, or of a new one.

        One that is not open yet then is: its class is what it `becomes`.
        """

    def check(self, session: RequestSession[Any]) -> None:
        """Raise what writing it would raise."""

    def confirm(self, session: RequestSession[Any]) -> None:
        """Ask the store of revocations now."""


class RequestSession(Session[StateT]):
    """The session of one request, which can be changed until its response begins.

    Attributes:
        opened: Whether anything has asked for the session.
        renewable: Set it to False in a request that must not keep the session alive, such as a
            page that polls. It opens nothing.
        closed: Whether the response has begun, so that changes are refused.
    """

    __slots__ = (
        "_opener",
        "_unreadable",
        "before",
        "closed",
        "codec",
        "ends_others_of",
        "found",
        "headers",
        "now",
        "prepared",
        "presented",
        "renewable",
        "unknown",
    )

    before: Snapshot | Unwritten  # as it was found
    found: Found
    # What the request carries, where that was read ahead; or why it could not be.
    prepared: SessionFields[StateT] | TokenError | StoreError | None
    # Whose other sessions end with the response, or None.
    ends_others_of: tuple[str | int, ...] | None
    unknown: StoreError | None  # why nobody could tell, when the application asked for it
    codec: SessionCodec[StateT]  # with the one ring that this request sees
    presented: bool  # whether the request carried anything under the cookie's name
    opened: ClassVar[bool] = True
    becomes: ClassVar[type[RequestSession[Any]]]  # of one that is not open yet: its class then
    _opener: Opener
    closed: bool
    _unreadable: bool
    headers: Iterable[tuple[bytes, bytes]]
    now: float | None
    renewable: bool

    def __init__(
        self, opener: Opener, headers: Iterable[tuple[bytes, bytes]], now: float | None
    ) -> None:
        # Its values are filled in by `Opener.load`.
        self._opener = opener
        self.headers = headers
        self.now = now
        self.renewable = True
        self.closed = self._unreadable = False
        self.prepared = self.unknown = self.ends_others_of = None

    def open(self) -> None:
        """Open the session, so that the response says that it depends on it."""

    def mark_accessed(self) -> None:
        """Do nothing: Starlette calls it when a page names the session, which opens nothing yet."""

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
            ConfigError: The session has no subject, or the response has begun.
        """
        self._check_open()
        if self.subject is None:
            raise ConfigError("nobody is signed in, so there are no other sessions to end")
        self.ends_others_of = (*(self.ends_others_of or ()), self.subject)

    def confirm(self) -> None:
        """Ask the store of revocations now, whatever is asked otherwise; it does I/O.

        For a route that must not act on word that is seconds old. In asynchronous code:
        ``await asyncio.to_thread(request.session.confirm)``.

        Raises:
            Revoked: The session was ended.
            StoreError: The store cannot be asked (the response is a 503, unless you answer it).
            ConfigError: There is no revocation list.
        """
        self._opener.confirm(self)

    def close(self, *, readable: bool) -> None:
        """Refuse changes from here on: the response has begun, and could not carry them.

        Args:
            readable: Whether a session that nothing has asked for yet may still be opened.
        """
        self.closed = True
        self._unreadable = not readable

    def _check_open(self) -> None:
        if self.closed:
            raise ConfigError(_BEGUN)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be copied or pickled: signing out would leave the request's session alone."""
        raise TypeError(
            "the session of a request is neither copied nor pickled; copy its state instead: "
            "session.copy()"
        )

    @property
    def state(self) -> StateT:
        """The application's data; can be replaced as a whole."""
        state: Any = self._state
        return self._whole() if type(state) is Members else state

    @state.setter
    def state(self, state: StateT) -> None:
        self._check_open()
        self.open()
        self._state = state

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value of the state."""
        if self.closed:
            raise ConfigError(_BEGUN)
        state: Any = self._state
        (state if type(state) is dict else self._mapping)[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state."""
        self._check_open()
        del self._mapping[key]

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the newest pair of the state, as a dict does."""
        self._check_open()
        return super().popitem()

    def sign_in(
        self, subject: str | int, *, ttl: int | None = None, cap: int | None = None
    ) -> None:
        """Begin a new session for `subject`; see `Session.sign_in`."""
        self._check_open()
        super().sign_in(subject, ttl=ttl, cap=cap)

    def regenerate(self) -> None:
        """Give the session a new id and keep its start; see `Session.regenerate`."""
        self._check_open()
        super().regenerate()

    def set_lifetime(self, ttl: int | None = None, *, cap: int | None = None) -> None:
        """Give the session a lifetime of its own; see `Session.set_lifetime`."""
        self._check_open()
        super().set_lifetime(ttl, cap=cap)

    def clear(self) -> None:
        """Drop state and subject: sign out; see `Session.clear`."""
        self._check_open()
        super().clear()


class UnopenedSession(RequestSession[StateT]):
    """The session of a request in which nothing has asked for it yet.

    Its values are not there; asking for one opens it, whereupon it becomes a `RequestSession`
    like any other, or what an adapter's own class names as `becomes`. A request that never asks
    neither decodes nor renews, and its response does not vary.

    Args:
        opener: Opens it.
        headers: The raw request headers.
        now: Unix seconds; the system's clock at the time of each step when None.
    """

    __slots__ = ()
    opened: ClassVar[bool] = False
    becomes: ClassVar[type[RequestSession[Any]]] = RequestSession

    def __getitem__(self, key: str) -> Any:
        """Open the session, as nearly all requests do, and return a value of its state."""
        self.open()
        return self[key]

    def __getattr__(self, name: str) -> Any:
        """Open the session, as a value of it is asked for that is not there yet."""
        if name not in _VALUES:
            raise AttributeError(f"a session has no attribute {name!r}")
        self.open()
        return getattr(self, name)

    def __repr__(self) -> str:
        """Tell that it is not open, and leave it so: reports of errors show what they find."""
        return "<Session, not opened>"

    def open(self) -> None:
        """Open the session.

        Raises:
            ConfigError: The response has begun without saying that it depends on the session.
            StoreError: Nobody can tell whether the session is revoked.
        """
        if self._unreadable:
            raise ConfigError(_BEGUN_UNREAD)
        self._opener.load(self)
