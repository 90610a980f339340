"""A session: its values and its verbs.

A `Session` is a handle on a `SessionValue`. The verbs change only that value. Cookies and stores
are changed later, when the session is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from tokensession.errors import ConfigError, StateError
from tokensession.format.claims import StateT, Subject
from tokensession.format.seconds import duration
from tokensession.format.state import check_given_subject
from tokensession.sessions.listing import listed_id, sign_in_of
from tokensession.sessions.mapping import StateMapping

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration
    from tokensession.sessions.value import SessionValue


class Session(StateMapping[StateT]):
    """A session, decoded or new.

    If its state is a dict, the session is a mapping of it: ``session["cart"]`` is
    ``session.state["cart"]``, and all methods of a dict work.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, value: SessionValue[StateT]) -> None:
        self._value = value

    # -- its values --------------------------------------------------------------------------

    @property
    def state(self) -> StateT:
        """The application's data, of the codec's `state_type` if it has one."""
        value = self._value or self._open()
        value.assigned = True
        return value.hand_out()

    @state.setter
    def state(self, state: StateT) -> None:
        self._changing().replace_state(state)

    @property
    def sid(self) -> bytes:
        """The session id, 16 bytes. Renewal keeps it."""
        return (self._value or self._open()).sid

    @property
    def listed_id(self) -> str:
        """The id by which a directory lists the session: 32 hexadecimal digits, no secret."""
        return listed_id(self.sid).hex()

    @property
    def subject(self) -> Subject:
        """The session's subject: a str, an int or None. Only `sign_in` and `clear` change it."""
        return (self._value or self._open()).subject

    @property
    def issued_at(self) -> int:
        """Unix second at which the token was made; for a new session, its start."""
        return (self._value or self._open()).issued_at

    @property
    def started_at(self) -> int:
        """Unix second at which the session started."""
        return (self._value or self._open()).started_at

    @property
    def authenticated_at(self) -> int | None:
        """Unix second at which the subject last authenticated.

        It is the session's start, unless the subject has authenticated again. None without a
        subject, or if it is unknown, as in a session of another library.
        """
        return (self._value or self._open()).authenticated_at

    @property
    def expires_at(self) -> int:
        """Unix second at which the token expires."""
        return (self._value or self._open()).expires_at

    @property
    def kid(self) -> str:
        """The key that signed the token, or "" if there is no token."""
        return (self._value or self._open()).kid

    @property
    def signers(self) -> tuple[str, ...]:
        """The other keys that have signed tokens of this session, oldest first.

        Revoking any of them ends the session. No verb removes a key from this list.
        """
        return (self._value or self._open()).signers

    @property
    def context(self) -> str:
        """The context of the session's tokens."""
        return (self._value or self._open()).context

    @property
    def ttl(self) -> int:
        """The idle window in seconds. Renewal keeps it."""
        return (self._value or self._open()).ttl

    @property
    def cap(self) -> int | None:
        """The longest life of the session in seconds; None for the policy's limit."""
        return (self._value or self._open()).cap

    @property
    def refused(self) -> str | None:
        """The code with which the request's token was refused (SPEC section 5), or None."""
        return (self._value or self._open()).refused

    @property
    def given_up(self) -> tuple[bytes, ...]:
        """The session's former ids, which its verbs have replaced, oldest first."""
        return (self._value or self._open()).given_up

    def is_fresh(self, seconds: Duration) -> bool:
        """Tell whether the subject has authenticated within the last `seconds` seconds.

        False if `authenticated_at` is None. The session's own clock counts: when it was read, or
        when the request began.

        Args:
            seconds: Seconds, or a timedelta.

        Raises:
            ConfigError: The value is not a duration.
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
        """Start a new session for `subject`, with a new session id and a new start.

        The new id prevents session fixation, because a planted id is worthless. The state is kept
        if the session was anonymous or had the same subject. If it had another subject, the new
        state is empty.

        Args:
            subject: The subject that has signed in.
            ttl: The session's own idle window, in seconds or as a timedelta; by default the
                policy's.
            cap: The longest life of this session in seconds, for "remember me" or a short session.
                The default is the policy's limit.
            label: The name of the session in a directory, such as "Firefox on Linux"; at most 200
                characters. Without a directory it is ignored.
            provider: The issuer and the session id of an identity provider that signed the subject
                in. The provider can then order the log-out. Only a directory keeps them, hashed.

        Raises:
            StateError: The subject is not a str or int, or cannot be written unchanged; the label
                is not text or too long; or the provider is not two texts.
            ConfigError: The ttl or cap is out of range, or exceeds what the policy and the ring
                allow.
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
        if ttl is cap is None and value.is_mapping:
            self._keep_lifetime()

    def label_sign_in(
        self, label: str | None = None, *, provider: tuple[str, str] | None = None
    ) -> None:
        """Give the sign-in of this request its name in a directory.

        Call it after a sign-in by another library's function, such as Django's ``login`` or
        Flask-Login's ``login_user``, which takes no label. Without a directory it has no effect.

        Args:
            label: As for `sign_in`.
            provider: As for `sign_in`.

        Raises:
            StateError: As for `sign_in`.
            ConfigError: There was no sign-in in this request.
        """
        value = self._changing()
        if value.kid or value.subject is None:
            raise ConfigError(
                "there was no sign-in in this request, and a directory keeps labels from the "
                "sign-in on: call label_sign_in() right after it"
            )
        value.sign_in = sign_in_of(label, provider)

    def _keep_lifetime(self) -> None:
        """Give the new session the lifetime that its state asks for, in a framework's terms."""

    def regenerate(self) -> None:
        """Give the session a new id and keep its start. Call it when the user's rights change."""
        self._changing().regenerate()

    def reauthenticate(self) -> None:
        """Record that the subject has authenticated again: a new id, and `authenticated_at` is now.

        Call it when a signed-in user has entered the password again, before a view that uses
        `is_fresh`. Subject, start and state stay.

        Raises:
            StateError: The session has no subject.
        """
        value = self._changing()
        if value.subject is None:
            raise StateError("subject", "the session has no subject: call sign_in(subject) instead")
        value.reauthenticate()

    def set_lifetime(self, ttl: Duration | None = None, *, cap: Duration | None = None) -> None:
        """Give the session its own idle window and limit. Its id and its start stay.

        Args:
            ttl: Seconds of its idle window from now on; the policy's when None.
            cap: The longest life of the session in seconds, from its start. When None the policy's
                limit applies; if that would cut the ttl, the cap equals the ttl.

        Raises:
            ConfigError: The ttl or cap is out of range, or exceeds what the policy and the ring
                allow.
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
        """Sign out: remove state and subject. Later changes belong to a new session."""
        value = self._changing()
        value.replace_state(value.origin.empty_state())
        value.begin(None, *value.origin.lifetime(None, None))
        value.cleared = True

    def _recorded(self) -> tuple[bytes, int]:
        """Return the id and the start by which a revocation list knows the session."""
        value = self._value or self._open()
        return value.sid, value.started_at

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse copying and pickling: a sign-out would not affect the original."""
        raise TypeError(
            "a session cannot be copied or pickled: copy its state instead with session.copy()"
        )

    def __repr__(self) -> str:
        """Show the dates and the key, never the state or the subject."""
        return (
            f"<Session sid={self.sid.hex()} issued_at={self.issued_at} "
            f"started_at={self.started_at} expires_at={self.expires_at} kid={self.kid!r}>"
        )


def check_session(name: str, session: object) -> None:
    """Refuse an argument that is not a session, such as its token or id.

    Raises:
        ConfigError: It is another object; the message has the argument's name.
    """
    if not isinstance(session, Session):
        raise ConfigError(
            f"{name} must be a Session, not {type(session).__name__}: pass codec.decode(token) or "
            "the request's session"
        )
