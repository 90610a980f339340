"""What a session says: a record, which the handle of a session changes and the codec reads."""

from __future__ import annotations

import os
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple

import msgspec

from tokensession.format.claims import SID_BYTES, StateT, Subject
from tokensession.format.lazy_state import Members

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.claims import Claims
    from tokensession.format.seconds import Duration
    from tokensession.overflow.reference import Overflowed
    from tokensession.sessions.listing import SignIn


# Types of which equal values have equal bytes; of floats and instants that does not hold.
FIXED: Final = frozenset({str, int, bool, bytes, NoneType, type(Ellipsis)})
ABSENT: Final = ...  # stands for a member that was not there; no state holds one
CHANGEABLE: Final = object()  # stands for a value that can have changed meanwhile


class Origin(NamedTuple, Generic[StateT]):
    """What a codec gives to a session that begins.

    Attributes:
        lifetime: Returns idle window and cap, checked, for a ttl and a cap of the session's own.
        limit: Seconds after which a session without a cap ends, or None.
        empty_state: Returns the state to begin with.
    """

    lifetime: Callable[[Duration | None, Duration | None], tuple[int, int | None]]
    limit: int | None
    empty_state: Callable[[], StateT]


class Opened(msgspec.Struct, Generic[StateT], frozen=True, eq=False):
    """A token that has passed steps 1 to 8 of SPEC section 5.

    Attributes:
        claims: What it says.
        misfit: How its state misses the application's type, or None.
        plaintext: The claims as msgpack.
        kid: The key that signed it.
        dies_at: Unix second at which it dies.
    """

    claims: Claims[StateT]
    misfit: str | None
    plaintext: bytes
    kid: str
    dies_at: int

    @property
    def started_at(self) -> int:
        """Unix second at which its session began."""
        return self.claims.iat - self.claims.age


class SessionValue(msgspec.Struct, Generic[StateT], eq=False):
    """What a session says at the moment, and what has been done to it.

    Attributes:
        state: The application's data.
        sid: The session id.
        subject: The session's subject, or None.
        issued_at: Unix second at which its token was made.
        started_at: Unix second at which it began.
        expires_at: Unix second at which its token dies.
        kid: The key that signed its token; "" while it has none.
        context: The purpose of its tokens.
        ttl: Seconds of its idle window.
        cap: Seconds that it may last at the most, or None for the policy's limit.
        auth: Seconds from its start until its subject last authenticated again, or None where that
            is not known.
        now: Unix second at which it was read or begun.
        origin: What it begins anew with.
        opened: The token that it was read from, even if that was refused for its state alone.
        overflowed: Where its state was found, when that did not fit into the token.
        entry: Where its state was written to since.
        given_up: The ids that it had before, oldest first.
        refused: The code for which the request's token was refused, or None.
        presented: Whether the request carried anything in the place of a token.
        unwritten: Whether it comes from another library's cookie and has no token of ours yet.
        cleared: Whether `clear` has ended the session that was found.
        lifetime_set: Whether `ttl` or `cap` were set.
        touched: The members that were set, removed, or handed out and can have changed, with what
            they were: a value that cannot change, `ABSENT`, or `CHANGEABLE`.
        whole: Whether the state was set or handed out as a whole.
        removed: Whether a member was removed, so that the others can be in another order.
        shared: Whether the application can hold a part of the state that can still change.
        written: The claims in msgpack as they were written last.
        begun: The state in msgpack with which a new session began. A type can begin each with
            another, such as a random one.
        sign_in: What the application said of its sign-in, for a directory.
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
    shared: bool = False
    written: bytes | None = None
    begun: bytes | None = None
    sign_in: SignIn | None = None

    @property
    def authenticated_at(self) -> int | None:
        """Unix second at which its subject last authenticated; None where that is not known."""
        return None if self.subject is None or self.auth is None else self.started_at + self.auth

    @property
    def signers(self) -> tuple[str, ...]:
        """The keys besides `kid` that have signed tokens of it, oldest first."""
        if self.kid and self.opened is not None:
            return self.opened.claims.signers or ()
        return self.signers_beside("")

    def signers_beside(self, kid: str) -> tuple[str, ...]:
        """Return the signers that a token names which `kid` signs (SPEC 4).

        They are those of the token that was found, whatever was done to the session since.
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
        """Whether the state is a map, as opposed to a value of a type."""
        return isinstance(self.state, dict | Members)

    def share(self, key: Any) -> None:
        """Note that the application has a member that can change."""
        self.touched.setdefault(key, CHANGEABLE)
        self.shared = True

    def touch(self, key: Any, former: Any) -> None:
        """Note that a member is set or removed, and what it was."""
        if type(former) not in FIXED:
            former = CHANGEABLE
        if type(key) is not str:
            self.whole = True  # it can take the place of an equal key that is text
        self.touched.setdefault(key, former)

    def replace_state(self, state: StateT) -> None:
        """Set the state as a whole."""
        self.state = state
        self.whole = self.shared = True

    def hand_out(self) -> StateT:
        """Return the state as a whole, after which any of it can have changed."""
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
        """Note that the subject has authenticated again, under a new id."""
        self.regenerate()
        self.auth = max(0, self.now - self.started_at)  # a session can be dated ahead

    def begin(self, subject: Subject, ttl: int, cap: int | None) -> None:
        """Begin another session of this state."""
        self.regenerate()
        self.issued_at = self.started_at = self.now
        self.ttl, self.cap, self.auth = ttl, cap, 0
        self.expires_at = self.now + ttl
        self.kid = ""
        self.subject = subject
