"""The session of a request, as Django's users and applications know it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from tokensession.adapters.django.configured import configured_manager
from tokensession.web.cookies import Cookie
from tokensession.web.request_session import RequestSession

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from tokensession.web.manager import SessionManager

_EXPIRY = "_session_expiry"  # Django's own key for what set_expiry was given
_CREATED = "_session_created"  # what keeps a session of which nothing else is to be kept


class SessionStore(RequestSession[Any], SessionBase):  # type: ignore[misc]  # Django has no types
    """A session as Django's users and applications know it; that of a request is one too.

    Signing in through ``django.contrib.auth`` begins a new session, whose subject is the user's
    primary key; signing out ends it. What `set_expiry` is given is kept by the token itself.

    Args:
        session_key: A token, as ``django.test.Client`` keeps it; or None for a new session.
    """

    def __init__(self, session_key: str | None = None) -> None:
        manager = configured_manager()
        RequestSession.__init__(self, manager, _headers(manager, session_key), None)
        self._manager = manager
        self._token = session_key
        self._open()

    @property
    def _session(self) -> SessionStore:
        """What Django's base class reads and writes."""
        return self

    async def _aget_session(self, no_load: bool = False) -> SessionStore:  # noqa: ARG002, FBT001, FBT002
        return self

    @property
    def accessed(self) -> bool:
        """Whether anything has asked for the session."""
        return self.opened

    @property
    def session_key(self) -> str | None:
        """The token that `save` made, or that it was opened with. A request's: the session id."""
        return self._token

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value of the state; that of the user's id begins a new session of theirs."""
        if key == SESSION_KEY:
            self.sign_in(value)
            if _EXPIRY in self:
                self.set_expiry(self[_EXPIRY])
        super().__setitem__(key, value)

    # -- expiry --

    def set_expiry(self, value: int | datetime | timedelta | str | None) -> None:
        """Give the session an expiry of its own, which its token keeps.

        Args:
            value: Seconds of idleness; an instant or a duration at whose end it is over; 0 for the
                policy's times and a cookie that ends with the browser; None for the policy's.

        Raises:
            ConfigError: In the past, or beyond what the policy allows (``longest``).
        """
        SessionBase.set_expiry(self, value)
        expiry = self.get(_EXPIRY)
        if isinstance(expiry, str):
            instant = datetime.fromisoformat(expiry)
            if instant.tzinfo is None:
                instant = timezone.make_aware(instant)
            ends = int(instant.timestamp())
            now = int(timezone.now().timestamp())
            self.set_lifetime(ends - now, cap=ends - self.started_at)
        else:
            self.set_lifetime(expiry or None)

    async def aset_expiry(self, value: int | datetime | timedelta | str | None) -> None:
        """Give the session an expiry of its own; see `set_expiry`."""
        self.set_expiry(value)

    def get_expire_at_browser_close(self) -> bool:
        """Tell whether the cookie ends with the browser: `set_expiry` says so, or the settings."""
        if (self._value or self._open()).is_mapping:  # as opposed to a state of a type
            return bool(SessionBase.get_expire_at_browser_close(self))
        return bool(settings.SESSION_EXPIRE_AT_BROWSER_CLOSE)

    def get_session_cookie_age(self) -> int:
        """Return the seconds of the session's idle window."""
        return self.ttl

    def get_expiry_age(self, **given: Any) -> int:
        """Return the seconds until the session expires unless it is renewed."""
        if given:
            return int(SessionBase.get_expiry_age(self, **given))
        return max(0, self.expires_at - int(timezone.now().timestamp()))

    def get_expiry_date(self, **given: Any) -> datetime:
        """Return the instant at which the session expires unless it is renewed."""
        if given:
            date: datetime = SessionBase.get_expiry_date(self, **given)
            return date
        return datetime.fromtimestamp(self.expires_at, UTC)

    async def aget_expiry_age(self, **given: Any) -> int:
        """Return the seconds until the session expires unless it is renewed."""
        return self.get_expiry_age(**given)

    async def aget_expiry_date(self, **given: Any) -> datetime:
        """Return the instant at which the session expires unless it is renewed."""
        return self.get_expiry_date(**given)

    # -- what a store does: nothing is stored, so little is left of it --

    def is_empty(self) -> bool:
        """Tell whether there is neither state nor subject."""
        return not self and self.subject is None

    def flush(self) -> None:
        """Sign out: drop state and subject, and begin a new session."""
        self.clear()

    async def aflush(self) -> None:
        """Sign out; see `flush`."""
        self.clear()

    def cycle_key(self) -> None:
        """Give the session a new id."""
        self.regenerate()

    async def acycle_key(self) -> None:
        """Give the session a new id."""
        self.regenerate()

    def exists(self, session_key: str) -> bool:  # noqa: ARG002  # as Django calls it
        """Tell that no session is in any store."""
        return False

    def create(self) -> None:
        """Do nothing: the session is written with the response."""

    def save(self, must_create: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # likewise
        """Make the session's token, for code that keeps it by hand as `session_key`.

        Raises:
            StateError: A state that would be changed on the way.
            SessionTooLarge: A token that no reader would take.
            ConfigError: A ring that cannot sign.
        """
        self._token = self._manager.codec.renew(self)

    def delete(self, session_key: str | None = None) -> None:
        """Sign out, unless another session is meant: that one is not here to be deleted."""
        if session_key in (None, self.session_key):
            self.clear()

    def load(self) -> dict[str, Any]:
        """Return the state."""
        return self.copy()

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing: no store holds expired sessions."""


class SessionOfRequest(SessionStore):
    """The session of one request; it is written with the response.

    Args:
        manager: Opens it.
        headers: The raw request headers.
    """

    def __init__(
        self, manager: SessionManager[Any], headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        RequestSession.__init__(self, manager, headers, None)

    @property
    def session_key(self) -> str | None:
        """The session id in hexadecimal, which is no secret; None where there is nothing to keep.

        `create` and `save` keep such a session too: what an application stores under this key is
        then one visitor's, and never that of everybody who has none.
        """
        return self.sid.hex() if self.kid or not self.is_empty() else None

    def create(self) -> None:
        """Let the session be written with the response, though there may be nothing in it."""
        if self.session_key is None:
            self[_CREATED] = True

    def save(self, must_create: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # likewise
        """Do what `create` does, and raise now what writing the session would raise."""
        self.create()
        self.check()


def _headers(manager: SessionManager[Any], token: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the request headers of a browser that holds a token."""
    if not token or not isinstance(manager.cookie, Cookie):
        return ()
    return ((b"cookie", f"{manager.cookie.name}={token}".encode()),)
