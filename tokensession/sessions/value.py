"""The record of a session's values, which the session's handle changes and the codec reads."""

from __future__ import annotations

import os
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple

import msgspec

from tokensession.format.claims import SID_BYTES, StateT, Subject
from tokensession.format.core_values import hidden
from tokensession.format.lazy_state import Members

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.claims import Claims
    from tokensession.format.seconds import Duration
    from tokensession.overflow.reference import Overflowed
    from tokensession.sessions.listing import SignIn


# Types whose equal values have equal bytes; floats and instants do not.
FIXED: Final = frozenset({str, int, bool, bytes, NoneType, type(Ellipsis)})
ABSENT: Final = ...  # marks a missing member; no state contains it
CHANGEABLE: Final = object()  # marks a value that can have changed


class Origin(NamedTuple, Generic[StateT]):
    """The initial values of a codec's sessions.

    Attributes:
        lifetime: Returns the validated idle window and cap for a session's own ttl and cap.
        limit: Seconds after which a session without a cap ends, or None.
        empty_state: Returns the initial state.
    """

    lifetime: Callable[[Duration | None, Duration | None], tuple[int, int | None]]
    limit: int | None
    empty_state: Callable[[], StateT]


class Opened(msgspec.Struct, Generic[StateT], frozen=True, eq=False):
    """A token that has passed steps 1 to 8 of SPEC section 5.

    Attributes:
        claims: The claims.
        misfit: How the state differs from the application's type, or None.
        plaintext: The claims as msgpack.
        kid: The key that signed the token.
        dies_at: Unix second at which the token expires.
    """

    claims: Claims[StateT]
    misfit: str | None
    plaintext: bytes
    kid: str
    dies_at: int

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)

    @property
    def started_at(self) -> int:
        """Unix second at which the session started."""
        return self.claims.iat - self.claims.age


class SessionValue(msgspec.Struct, Generic[StateT], eq=False):
    """The current values of a session, and its changes.

    Attributes:
        state: The application's data.
        sid: The session id.
        subject: The session's subject, or None.
        issued_at: Unix second at which its token was made.
        started_at: Unix second at which it started.
        expires_at: Unix second at which its token expires.
        kid: The key that signed its token; "" if it has no token.
        context: The context of its tokens.
        ttl: Seconds of its idle window.
        cap: Its longest life in seconds, or None for the policy's limit.
        auth: Seconds from its start to the last authentication of its subject, or None if unknown.
        now: Unix second at which it was read or started.
        origin: The initial values for a new session in its place.
        opened: The token from which it was read, even if that was refused only for its state.
        overflowed: The reference to its state, if that was found in the overflow.
        entry: The reference to its state, if that was written to the overflow since.
        given_up: Its former ids, oldest first.
        refused: The code with which the request's token was refused, or None.
        presented: Whether the request carried any token, valid or not.
        unwritten: Whether it comes from another library's cookie and has no token of ours yet.
        cleared: Whether `clear` has ended the session that was found.
        lifetime_set: Whether `ttl` or `cap` were set.
        touched: The former values of members that were set or removed, or can have changed: an
            immutable value, `ABSENT` or `CHANGEABLE`.
        whole: Whether the state was set or returned as a whole.
        removed: Whether a member was removed, so that the order of the others can have changed.
        assigned: Whether the application has set or removed a member, or used the state as a whole.
        shared: Whether the application can hold a mutable part of the state.
        written: The claims in msgpack, as last written.
        begun: The initial state of a new session in msgpack. Each new state of a type can differ,
            for example by a random value.
        sign_in: What the application told a directory about its sign-in.
        reauthenticated: Whether its subject authenticated again in this request.
    """

    state: StateT
    sid: bytes
    subject: Subject
    issued_at: int
    started_at: int
    expires_at: int
    kid: str
    context: str
    ttl: int
    cap: int | None
    auth: int | None
    now: int
    origin: Origin[StateT]
    opened: Opened[StateT] | None = None
    overflowed: Overflowed | None = None
    entry: Overflowed | None = None
    given_up: tuple[bytes, ...] = ()
    refused: str | None = None
    presented: bool = False
    unwritten: bool = False
    cleared: bool = False
    lifetime_set: bool = False
    touched: dict[Any, Any] = msgspec.field(default_factory=dict)
    whole: bool = False
    removed: bool = False
    assigned: bool = False
    shared: bool = False
    written: bytes | None = None
    begun: bytes | None = None
    sign_in: SignIn | None = None
    reauthenticated: bool = False

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)

    @property
    def authenticated_at(self) -> int | None:
        """Unix second at which its subject last authenticated, or None if unknown."""
        return None if self.subject is None or self.auth is None else self.started_at + self.auth

    @property
    def signers(self) -> tuple[str, ...]:
        """The keys besides `kid` that have signed its tokens, oldest first."""
        if self.kid and self.opened is not None:
            return self.opened.claims.signers or ()
        return self.signers_beside("")

    def signers_beside(self, kid: str) -> tuple[str, ...]:
        """Return the signers that the next token names if `kid` signs it (SPEC 4).

        They come from the token that was found, regardless of later changes.
        """
        opened = self.opened
        if opened is None or self.refused is not None or self.unwritten:
            return ()
        former = opened.claims.signers
        if former is None:
            return () if opened.kid == kid else (opened.kid,)
        return tuple(other for other in dict.fromkeys((*former, opened.kid)) if other != kid)

    @property
    def is_mapping(self) -> bool:
        """Whether the state is a map, not a typed value."""
        return isinstance(self.state, dict | Members)

    @property
    def is_unmarked(self) -> bool:
        """Whether nothing but the inside of its members can have changed since it was found."""
        kept = self.opened is not None and self.refused is None and bool(self.kid)
        given = self.assigned or self.given_up or self.lifetime_set or self.unwritten
        return kept and self.is_mapping and not given

    def share(self, key: Any) -> None:
        """Record that the application holds a member that can change."""
        self.touched.setdefault(key, CHANGEABLE)
        self.shared = True

    def touch(self, key: Any, former: Any) -> None:
        """Record that a member is set or removed, with its former value."""
        self.assigned = True
        if type(former) not in FIXED:
            former = CHANGEABLE
        if type(key) is not str:
            self.whole = True  # it can replace an equal key that is text
        self.touched.setdefault(key, former)

    def replace_state(self, state: StateT) -> None:
        """Set the state as a whole."""
        self.state = state
        self.whole = self.shared = self.assigned = True

    def hand_out(self) -> StateT:
        """Return the state as a whole; any part of it can change afterwards."""
        state: Any = self.state
        if type(state) is Members:
            state = state.whole()
            self.state = state
        self.whole = self.shared = True
        return state  # type: ignore[no-any-return]  # it is the state

    def regenerate(self) -> None:
        """Give the session a new id."""
        self.given_up = (*self.given_up, self.sid)
        self.sid = os.urandom(SID_BYTES)

    def reauthenticate(self) -> None:
        """Record that the subject has authenticated again, under a new id."""
        self.regenerate()
        self.reauthenticated = True
        self.auth = max(0, self.now - self.started_at)  # a session can be dated in the future

    def begin(self, subject: Subject, ttl: int, cap: int | None) -> None:
        """Start another session with this state."""
        self.regenerate()
        self.issued_at = self.started_at = self.now
        self.ttl, self.cap, self.auth = ttl, cap, 0
        self.expires_at = self.now + ttl
        self.kid = ""
        self.subject = subject
