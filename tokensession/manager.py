"""Sessions over HTTP: which token of a request counts, and what its response must say.

The order of things only: tokens are the codec's business, times the policy's, text the cookie's.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Generic

from tokensession.claims import StateT
from tokensession.codec import SessionCodec
from tokensession.cookies import MAX_CANDIDATES, Cookie, Header, add_vary, forbid_storing
from tokensession.errors import ConfigError, Expired, Malformed, SessionTooLarge, TokenError
from tokensession.policy import Policy, whole_seconds
from tokensession.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensession.cookies import Headers
    from tokensession.keys import KeyRing

_FIELDS = frozenset(Session.__slots__) - {"__weakref__"}
_NAMED_KEYS = 3  # of a state that is too large


class RequestSession(Session[StateT]):
    """The session of one request, opened when it is first touched.

    Until then its values are not there; asking for one opens it. A request that never asks
    neither decodes nor renews, and its response does not vary.

    Attributes:
        renewable: Set it to False in a request that must not keep the session alive, such as a
            page that polls. It opens nothing.
    """

    __slots__ = ("_check", "_closed", "_load", "before", "presented", "renewable")

    before: tuple[bytes, bytes | None]  # session id and packed state as they were found
    presented: bool  # whether the request carried anything under the cookie's name

    def __init__(
        self,
        load: Callable[[RequestSession[StateT]], Session[StateT]],
        check: Callable[[RequestSession[StateT]], None],
    ) -> None:
        self._check = check
        self._load: Callable[[RequestSession[StateT]], Session[StateT]] | None = load
        self._closed = False
        self.renewable = True

    def __getattr__(self, name: str) -> Any:
        """Open the session, when a value of it is asked for and not there yet."""
        load = self._load
        if load is None or name not in _FIELDS:
            raise AttributeError(f"a session has no attribute {name!r}")
        self._load = None
        session = load(self)
        for field in _FIELDS:
            setattr(self, field, getattr(session, field))
        return getattr(self, name)

    @property
    def opened(self) -> bool:
        """Whether anything has asked for the session."""
        return self._load is None

    def check(self) -> None:
        """Raise now what the writing would raise when the response begins.

        For an application that wants to answer it: by then, frameworks answer 500.

        Raises:
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that browsers would drop.
            ConfigError: A ring that cannot sign.
        """
        self._check(self)

    def close(self) -> None:
        """Refuse changes from here on: the response has begun, and could not carry them."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigError(
                "the response has begun, so the session cannot be changed any more: change it "
                "before the first byte is sent (for a WebSocket: before it is accepted)"
            )

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value of the state."""
        self._check_open()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state."""
        self._check_open()
        super().__delitem__(key)

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

    def clear(self) -> None:
        """Drop state and subject: sign out; see `Session.clear`."""
        self._check_open()
        super().clear()


class SessionManager(Generic[StateT]):
    """Opens the session of a request, and writes that of its response.

    Args:
        codec: Reads and writes the tokens.
        cookie: How they travel: a `Cookie` (``__Host-session`` by default), or a `Header`.

    Raises:
        ConfigError: Arguments of other types.
    """

    __slots__ = ("_codec", "_nothing", "cookie")

    def __init__(
        self, codec: SessionCodec[StateT], *, cookie: Cookie | Header | None = None
    ) -> None:
        cookie = Cookie() if cookie is None else cookie
        if not isinstance(codec, SessionCodec):
            raise ConfigError(f"codec must be a SessionCodec, not {type(codec).__name__}")
        if not isinstance(cookie, Cookie | Header):
            raise ConfigError(f"cookie must be a Cookie or a Header, not {type(cookie).__name__}")
        self._codec = codec
        self.cookie = cookie
        self._nothing = codec.pack(codec.new().state)

    def open(
        self, headers: Iterable[tuple[bytes, bytes]], *, now: float | None = None
    ) -> RequestSession[StateT]:
        """Return the session of a request; nothing is read before it is touched.

        Args:
            headers: The raw request headers, with names in lower case.
            now: Unix seconds; the system's clock (at the first touch) when None.
        """
        return RequestSession(
            lambda session: self._load(session, headers, now),
            lambda session: self._check(session, now),
        )

    def save(
        self, session: RequestSession[StateT], headers: Headers, *, now: float | None = None
    ) -> None:
        """Write what the response must say into its headers, and close the session.

        Args:
            session: As `open` gave it.
            headers: The response's headers, changed in place.
            now: Unix seconds; the system's clock when None.

        Raises:
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that browsers would drop; names the largest keys.
            ConfigError: A changed session and a ring that cannot sign.
        """
        if session.opened:
            add_vary(headers, self.cookie.vary)
            change = self._change(session, whole_seconds(now))
            if change is not None:
                headers.append(change)
                forbid_storing(headers)
        session.close()

    def check_unchanged(self, session: RequestSession[StateT]) -> None:
        """Refuse to lose what was changed after the response had begun.

        Raises:
            ConfigError: The state is not the one that was saved.
        """
        if session.opened and session.before[1] != self._codec.pack(session.state):
            raise ConfigError(
                "the session's state was changed after the response had begun, and that change "
                "is lost: change it before the first byte is sent"
            )

    def _check(self, session: RequestSession[StateT], now: float | None) -> None:
        self._write(session, max(whole_seconds(now), session.started_at))

    def _load(
        self,
        request: RequestSession[StateT],
        headers: Iterable[tuple[bytes, bytes]],
        now: float | None,
    ) -> Session[StateT]:
        at = whole_seconds(now)
        values = self.cookie.read(headers)
        session: Session[StateT] | None = None
        refused: str | None = None
        try:
            session = self._decode(values, at)
        except TokenError as error:
            refused = error.code
        if session is None:
            session = self._codec.new(now=at)
            session.refused = refused
        request.presented = bool(values)
        request.before = (session.sid, self._codec.pack(session.state))
        return session

    def _decode(self, values: list[bytes], now: int) -> Session[StateT] | None:
        """Return the session of the one good value; of several, none can be told to be ours."""
        if len(values) <= 1:
            return self._codec.decode(values[0], now=now) if values else None
        good = []
        for value in values[:MAX_CANDIDATES]:
            with contextlib.suppress(TokenError):
                good.append(self._codec.decode(value, now=now))
        if len(good) != 1:
            raise Malformed(f"{len(values)} cookies of one name, of which {len(good)} are good")
        return good[0]

    def _change(self, session: RequestSession[StateT], now: int) -> tuple[bytes, bytes] | None:
        """Return the response header that the session needs, or None."""
        codec = self._codec
        sid, packed = session.before
        state = codec.pack(session.state)
        session.before = (session.sid, state)
        changed = session.sid != sid or state is None or state != packed
        if not changed:
            due = session.renewable and session.kid and codec.renewal_is_due(session, now=now)
            return self._write(session, now) if due else None
        if not codec.can_mint:
            raise ConfigError(
                "the session was changed, but this ring only reads: change sessions where the "
                "ring can sign"
            )
        if session.subject is None and state == self._nothing:
            return self.cookie.delete() if session.presented else None
        return self._write(session, now)

    def _write(self, session: RequestSession[StateT], now: int) -> tuple[bytes, bytes] | None:
        try:
            token = self._codec.renew(session, now=now)
            return self.cookie.write(token, self._codec.lifetime(session, now=now))
        except Expired:
            return None  # its end came during this request; the next one will find no session
        except SessionTooLarge as error:
            raise SessionTooLarge(
                f"{error}; keep less in the state{self._largest(session.state)}",
                size=error.size,
                limit=error.limit,
            ) from None

    def _largest(self, state: Any) -> str:
        """Name the keys that take most, and never what they hold."""
        if not isinstance(state, dict):
            return ""
        sizes = {key: len(self._codec.pack(value) or b"") for key, value in state.items()}
        largest = sorted(sizes, key=lambda key: -sizes[key])[:_NAMED_KEYS]
        return f" (largest: {', '.join(f'{key!r} {sizes[key]} bytes' for key in largest)})"


def manager_of(
    keys: KeyRing | SessionManager[Any],
    *,
    policy: Policy | None = None,
    cookie_name: str = "__Host-session",
) -> SessionManager[Any]:
    """Return the manager that an adapter was given, or one made of what it was given.

    Args:
        keys: The ring, or a manager with everything in it.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context.

    Raises:
        ConfigError: Wrong arguments, or a manager together with what it already holds.
    """
    if isinstance(keys, SessionManager):
        if policy is not None or cookie_name != Cookie().name:
            raise ConfigError("a manager has its policy and cookie: give them to its parts")
        return keys
    cookie = Cookie(name=cookie_name)
    codec: SessionCodec[Any] = SessionCodec(
        keys, context=cookie.context, policy=Policy.owasp() if policy is None else policy
    )
    return SessionManager(codec, cookie=cookie)
