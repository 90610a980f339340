"""A session: what it says, and its verbs.

A `Session` is a handle on a `SessionValue`. The verbs change that value alone: what they do to a
cookie or a store is decided elsewhere, when the session is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.errors import StateError
from tokensession.format.claims import StateT, Subject
from tokensession.format.seconds import duration
from tokensession.format.state import check_given_subject
from tokensession.sessions.listing import listed_id, sign_in_of
from tokensession.sessions.mapping import StateMapping

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration
    from tokensession.sessions.value import SessionValue


class Session(StateMapping[StateT]):
    """A session: one that `decode` gave, or a new one.

    When its state is a dict the session is a mapping of it: ``session["cart"]`` is
    ``session.state["cart"]``, and so for all that a dict can do.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, value: SessionValue[StateT]) -> None:
        self._value = value

    # -- what it says ------------------------------------------------------------------------

    @property
    def state(self) -> StateT:
        """The application's data; of its own type where the codec has a `state_type`."""
        return (self._value or self._open()).hand_out()

    @state.setter
    def state(self, state: StateT) -> None:
        self._changing().replace_state(state)

    @property
    def sid(self) -> bytes:
        """The session id, 16 bytes; kept through renewals."""
        return (self._value or self._open()).sid

    @property
    def listed_id(self) -> str:
        """The id by which a directory lists the session: 32 hexadecimal digits, no secret."""
        return listed_id(self.sid).hex()

    @property
    def subject(self) -> Subject:
        """Whose session it is: a str, an int or None. Changes by `sign_in` and `clear` alone."""
        return (self._value or self._open()).subject

    @property
    def issued_at(self) -> int:
        """Unix second at which its token was made (a new session's: at which it began)."""
        return (self._value or self._open()).issued_at

    @property
    def started_at(self) -> int:
        """Unix second at which the session began."""
        return (self._value or self._open()).started_at

    @property
    def authenticated_at(self) -> int | None:
        """Unix second at which its subject last authenticated.

        That is the session's start, unless its subject has authenticated again. None without a
        subject, and where it is not known, as of a session that another library began.
        """
        return (self._value or self._open()).authenticated_at

    @property
    def expires_at(self) -> int:
        """Unix second at which its token dies."""
        return (self._value or self._open()).expires_at

    @property
    def kid(self) -> str:
        """The key that signed its token, or "" while it has none."""
        return (self._value or self._open()).kid

    @property
    def signers(self) -> tuple[str, ...]:
        """The other keys that have signed tokens of this session, oldest first.

        Revoking any of them ends the session. No verb removes one.
        """
        return (self._value or self._open()).signers

    @property
    def context(self) -> str:
        """The purpose that its tokens are good for."""
        return (self._value or self._open()).context

    @property
    def ttl(self) -> int:
        """Seconds of its idle window; renewal keeps them."""
        return (self._value or self._open()).ttl

    @property
    def cap(self) -> int | None:
        """Seconds from its start that it may last at the most; None for the policy's limit."""
        return (self._value or self._open()).cap

    @property
    def refused(self) -> str | None:
        """The code for which the request's token was refused (SPEC section 5), or None."""
        return (self._value or self._open()).refused

    @property
    def given_up(self) -> tuple[bytes, ...]:
        """The ids that the session had before its verbs gave it new ones, oldest first."""
        return (self._value or self._open()).given_up

    def is_fresh(self, seconds: Duration) -> bool:
        """Tell whether the subject has authenticated less than `seconds` ago.

        False where `authenticated_at` is None. The session's own clock counts: the moment at which
        it was read, or at which the request began.

        Args:
            seconds: Seconds, or a timedelta.

        Raises:
            ConfigError: Not a duration.
        """
        value = self._value or self._open()
        at, window = value.authenticated_at, duration("seconds", seconds, least=0)
        return at is not None and value.now < at + window

    # -- its verbs ---------------------------------------------------------------------------

    def sign_in(
        self,
        subject: str | int,
        *,
        ttl: Duration | None = None,
        cap: Duration | None = None,
        label: str | None = None,
        provider: tuple[str, str] | None = None,
    ) -> None:
        """Begin a new session for `subject`: a new session id and a new start.

        This ends session fixation: an id that the browser had before is not this one. The state
        is carried over from a session without subject or with the same one; over another
        subject's it starts empty.

        Args:
            subject: Who has signed in.
            ttl: Seconds of this session's own idle window, or a timedelta; by default the
                policy's.
            cap: Seconds that it may last at the most, for "remember me" and its opposite; by
                default the policy's limit holds.
            label: What a directory shows of the session, such as "Firefox on Linux"; at most 200
                characters. Without a directory it is not kept.
            provider: The issuer and the session id of an identity provider that signed the subject
                in, by which it can order the log-out. Only a directory keeps them, hashed.

        Raises:
            StateError: A subject that is not a str or int, or would be changed on the way; a label
                that is not text or too long; or a provider that is not two texts.
            ConfigError: A ttl or cap out of range, or beyond what the policy and the ring allow.
        """
        value = self._changing()
        if subject is None:
            raise StateError("subject", "None is not a subject: use clear() to sign out")
        check_given_subject(subject)
        said = None
        if label is not None or provider is not None:
            said = sign_in_of(label, provider)
        window, limit = value.origin.lifetime(ttl, cap)
        if value.subject is not None and str(value.subject) != str(subject):
            value.replace_state(value.origin.empty_state())
        value.begin(subject, window, limit)
        value.sign_in = said

    def regenerate(self) -> None:
        """Give the session a new id and keep its start: for the moment at which rights change."""
        self._changing().regenerate()

    def reauthenticate(self) -> None:
        """Note that the subject has authenticated again: a new id, and `authenticated_at` is now.

        Call it where a signed-in user has typed the password once more, before a view that asks
        `is_fresh`. Subject, start and state stay.

        Raises:
            StateError: The session has no subject.
        """
        value = self._changing()
        if value.subject is None:
            raise StateError("subject", "the session has none; call sign_in(subject) instead")
        value.reauthenticate()

    def set_lifetime(self, ttl: Duration | None = None, *, cap: Duration | None = None) -> None:
        """Give the session an idle window and a limit of its own; its id and its start stay.

        Args:
            ttl: Seconds of its idle window from now on; the policy's when None.
            cap: Seconds from its start that it may last at the most. When None the policy's limit
                holds, unless that would cut the ttl, which then is the cap as well.

        Raises:
            ConfigError: A ttl or cap out of range, or beyond what the policy and the ring allow.
        """
        value = self._changing()
        origin = value.origin
        if cap is None and ttl is not None and origin.limit is not None:
            ttl = duration("ttl", ttl)
            cap = ttl if ttl > origin.limit else None
        value.ttl, value.cap = window, limit = origin.lifetime(ttl, cap)
        value.lifetime_set = True
        ends = value.now + window
        value.expires_at = ends if limit is None else min(ends, value.started_at + limit)

    def clear(self) -> None:
        """Drop state and subject: sign out. What is written after it is a new session."""
        value = self._changing()
        value.replace_state(value.origin.empty_state())
        value.begin(None, *value.origin.lifetime(None, None))
        value.cleared = True

    def __repr__(self) -> str:
        """Show dates and key, never the state or whose session it is."""
        return (
            f"<Session sid={self.sid.hex()} issued_at={self.issued_at} "
            f"started_at={self.started_at} expires_at={self.expires_at} kid={self.kid!r}>"
        )
