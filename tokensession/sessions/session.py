"""A session: the application's state, a mapping when it is untyped, with its dates and its verbs.

Values only: what a session does to a cookie or a store is decided elsewhere, from what is found
here at the end of a request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from tokensession.errors import StateError
from tokensession.format.claims import SID_BYTES, StateT, Subject
from tokensession.format.lazy_state import Members
from tokensession.format.state import check_subject
from tokensession.overflow.reference import Overflowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Origin(NamedTuple, Generic[StateT]):
    """What a codec gives to a session that begins.

    Attributes:
        ttl: Returns the idle window for a ttl and a cap of the session's own, once checked.
        empty_state: Returns the state to begin with.
    """

    ttl: Callable[[int | None, int | None], int]
    empty_state: Callable[[], StateT]


# What a session is made of.
SessionFields = tuple[
    StateT, bytes, Subject, int, int, int, str, str, int, int | None, int, Origin[StateT],
    Overflowed | None,
]  # fmt: skip


class Session(MutableMapping[str, Any], Generic[StateT]):
    """A session: one that `decode` gave, or a new one.

    When its state is a dict the session is a mapping of it: ``session["cart"]`` is
    ``session.state["cart"]``, and so for all that a dict can do.

    Attributes:
        state: The application's data; of its own type where the codec has a `state_type`.
        sid: The session id, 16 bytes; kept through renewals.
        subject: Whose session: a str, an int or None. Changes by `sign_in` and `clear` alone.
        issued_at: Unix second at which its token was made (a new session's: at which it began).
        started_at: Unix second at which the session began.
        expires_at: Unix second at which its token dies.
        kid: The key that signed its token, or "" when it has none yet.
        context: The purpose that it is good for.
        ttl: Seconds of its idle window; renewal keeps them.
        cap: Seconds from its start that it may last at the most, or None for the policy's limit.
        refused: Why the token of this request was refused (a code of SPEC section 5), or None.
        overflowed: Where its state is, when that did not fit into the token.
        given_up: The session ids that `sign_in`, `regenerate` and `clear` replaced, oldest first.
    """

    __slots__ = (
        "__weakref__",
        "_now",
        "_origin",
        "_state",
        "_subject",
        "cap",
        "context",
        "expires_at",
        "given_up",
        "issued_at",
        "kid",
        "overflowed",
        "refused",
        "sid",
        "started_at",
        "ttl",
    )

    _state: StateT
    sid: bytes
    _subject: Subject
    issued_at: int
    started_at: int
    expires_at: int
    kid: str
    context: str
    ttl: int
    cap: int | None
    _now: int
    _origin: Origin[StateT]
    overflowed: Overflowed | None
    refused: str | None
    given_up: tuple[bytes, ...]

    def __init__(self, fields: SessionFields[StateT]) -> None:
        (self._state, self.sid, self._subject, self.issued_at, self.started_at, self.expires_at,
         self.kid, self.context, self.ttl, self.cap, self._now, self._origin,
         self.overflowed) = fields  # fmt: skip
        self.refused = None
        self.given_up = ()

    @property
    def state(self) -> StateT:
        """The application's data."""
        state: Any = self._state
        return self._whole() if type(state) is Members else state

    @state.setter
    def state(self, state: StateT) -> None:
        self._state = state

    @property
    def subject(self) -> Subject:
        """Whose session it is."""
        return self._subject

    def sign_in(
        self, subject: str | int, *, ttl: int | None = None, cap: int | None = None
    ) -> None:
        """Begin a new session for `subject`: a new session id and a new start.

        This is where session fixation ends: whatever id the browser had before is not this one.
        The state is carried over from a session without subject or with the same one; over
        another subject's it starts empty.

        Args:
            subject: Who has signed in.
            ttl: Seconds of this session's own idle window; by default the policy's.
            cap: Seconds that it may last at the most, for "remember me" and its opposite; by
                default the policy's limit holds.

        Raises:
            StateError: No str or int, or one that would be changed on the way.
            ConfigError: A ttl or cap out of range, or beyond what the policy and the ring allow.
        """
        if subject is None:
            raise StateError("subject", "None signs in nobody; use clear() to sign out")
        check_subject(subject)
        window = self._origin.ttl(ttl, cap)
        if self.subject is not None and str(self.subject) != str(subject):
            self.state = self._origin.empty_state()
        self._begin(window, cap)
        self._subject = subject

    def regenerate(self) -> None:
        """Give the session a new id and keep its start.

        For the moment at which the user has just authenticated again.
        """
        self.given_up = (*self.given_up, self.sid)
        self.sid = os.urandom(SID_BYTES)

    def set_lifetime(self, ttl: int | None = None, *, cap: int | None = None) -> None:
        """Give the session an idle window and a limit of its own; its id and its start stay.

        Args:
            ttl: Seconds of its idle window from now on; the policy's when None.
            cap: Seconds from its start that it may last at the most. When None the policy's limit
                holds, unless that would cut the ttl, which then is the cap as well.

        Raises:
            ConfigError: A ttl or cap out of range, or beyond what the policy and the ring allow.
        """
        window = self._origin.ttl(ttl, cap)
        if cap is None and ttl is not None and window < ttl:
            cap = ttl
            window = self._origin.ttl(ttl, cap)
        self.ttl, self.cap = window, cap
        ends = self._now + window
        self.expires_at = ends if cap is None else min(ends, self.started_at + cap)

    def clear(self) -> None:
        """Drop state and subject: sign out. What is written after it is a new session."""
        self.state = self._origin.empty_state()
        self._begin(self._origin.ttl(None, None), None)
        self._subject = None

    def _begin(self, ttl: int, cap: int | None) -> None:
        self.regenerate()
        self.issued_at = self.started_at = self._now
        self.ttl = ttl
        self.expires_at = self._now + ttl
        self.cap = cap
        self.kid = ""

    # -- the mapping of an untyped state -----------------------------------------------------

    @property
    def _mapping(self) -> dict[str, Any] | Members:
        state: Any = self._state
        return state if type(state) is Members else self._dict

    def _whole(self) -> StateT:
        """Read all of a state of which only some members have been."""
        state: Any = self._state
        self._state = state.whole()
        return self._state

    @property
    def _dict(self) -> dict[str, Any]:
        state: Any = self.state
        if not isinstance(state, dict):
            kind = type(state).__name__
            raise TypeError(f"the session's state is a {kind}, no dict; use session.state")
        return state

    def __getitem__(self, key: str) -> Any:
        """Return a value of the state."""
        state: Any = self._state
        return state[key] if type(state) is dict else self._mapping[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value of the state."""
        self._mapping[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state."""
        del self._mapping[key]

    def __iter__(self) -> Iterator[str]:
        """Give the keys of the state."""
        return iter(self._mapping)

    def __reversed__(self) -> Iterator[str]:
        """Give the keys of the state, the newest first."""
        return reversed(self._mapping)

    def __len__(self) -> int:
        """Count the keys of the state."""
        return len(self._mapping)

    def __bool__(self) -> bool:
        """Tell whether there is any state, of a dict or of a type."""
        state: Any = self._state
        return bool(state) if isinstance(state, dict | Members) else state is not None

    def __contains__(self, key: object) -> bool:
        """Tell whether the state has a key."""
        return key in self._mapping

    def __ior__(self, other: Mapping[str, Any]) -> Session[StateT]:
        """Update the state."""
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        """Compare the state with a dict; two sessions are equal only if they are one."""
        if isinstance(other, Session) or not isinstance(self.state, dict):
            return self is other
        return self._dict == other

    def __hash__(self) -> int:
        """Hash the session itself, whatever its state."""
        return id(self)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        """Return a dict of the state, updated."""
        return self._dict | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        """Return another mapping as a dict, updated with the state."""
        return dict(other) | self._dict

    def copy(self) -> dict[str, Any]:
        """Return a shallow copy of the state as a dict."""
        return self._dict.copy()

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the newest pair of the state, as a dict does."""
        return self._dict.popitem()

    def __repr__(self) -> str:
        """Show dates and key, never the state or whose session it is."""
        return (
            f"<Session sid={self.sid.hex()} issued_at={self.issued_at} "
            f"started_at={self.started_at} expires_at={self.expires_at} kid={self.kid!r}>"
        )
