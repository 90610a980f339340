"""The session of a request, with the interface of Django's sessions."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import timedelta
from time import time
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils.module_loading import import_string

from tokensession.adapters.django.ending import end_session, sid_named
from tokensession.adapters.django.expiry import has_passed, instant_of, second_of
from tokensession.adapters.plain_form import plain_form
from tokensession.adapters.sign_in_key import SignsInByKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tokensession.web.manager import SessionManager

_EXPIRY: Final = "_session_expiry"  # Django's own key for the value of set_expiry
_CREATED: Final = "_session_created"  # keeps a session that has no other state


class DjangoSession(SignsInByKey, SessionBase):  # type: ignore[misc]  # Django has no types
    """A session with the interface that Django's applications know.

    A sign-in by ``django.contrib.auth`` starts a new session, whose subject is the user's primary
    key. A sign-out ends it. The token stores the value of `set_expiry`.
    """

    _sign_in_key = SESSION_KEY

    @property
    def _session(self) -> DjangoSession:
        """The session itself, because Django's base class reads and writes its state here."""
        return self

    async def _aget_session(self, no_load: bool = False) -> DjangoSession:  # noqa: ARG002, FBT001, FBT002
        return self

    @property
    def serializer(self) -> Any:
        """SESSION_SERIALIZER, which `encode` and `decode` use; tokens do not."""
        return import_string(settings.SESSION_SERIALIZER)

    def __bool__(self) -> bool:
        """Return True. Django's sessions are true even if they are empty."""
        return True

    def setdefault(self, key: str, value: Any = None) -> Any:
        """Return a value of the state; set it if there is none."""
        return super().setdefault(key, value)

    def update(self, dict_: Any = (), **items: Any) -> None:  # type: ignore[override]  # as Django
        """Update the state."""
        super().update(dict_, **items)

    _kept: tuple[bytes, bytes | None] | None = None  # the id and the state at the last `save`

    def restore_saved(self) -> bool:
        """Return to the state of the last `save`; tell whether a failed response may save it."""
        sid, packed = self._kept or (b"", None)
        if not self.kid or sid != self.sid or packed is None or self.closed:
            return False  # there was no `save`, or another session has begun since
        self._manager.codec.changes.restore(self._open(), packed)
        return True

    def _kept_over(self) -> dict[str, Any]:
        """Return all: Django's ``login`` flushes the session of another user before."""
        return self.copy()

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value. The user's id signs in, and the expiry changes the token's lifetime."""
        super().__setitem__(key, plain_form(value))
        if key == _EXPIRY:
            self._expire(self[_EXPIRY])

    def __delitem__(self, key: str) -> None:
        """Remove a value of the state.

        Removing the user's id signs out. Removing the expiry restores the policy's times.
        """
        super().__delitem__(key)
        if key == _EXPIRY:
            self._expire(None)

    def _keep_lifetime(self) -> None:
        """Keep the expiry that the former session had."""
        if _EXPIRY in self:
            self._expire(self[_EXPIRY])

    # -- expiry --

    def set_expiry(self, value: float | datetime | timedelta | str | None) -> None:
        """Give the session its own expiry, which its token stores.

        Args:
            value: Seconds of idleness; an instant or a duration at whose end the session ends; 0
                for the policy's times and a cookie that ends with the browser; None for the
                policy's times. A session whose expiry has passed ends with the response.

        Raises:
            ConfigError: The expiry exceeds what the policy (``longest``, by default
                SESSION_COOKIE_AGE) or the keys (``token_lifetime``) allow.
        """
        if isinstance(value, timedelta):
            value = instant_of(time()) + value
        SessionBase.set_expiry(self, value)

    async def aset_expiry(self, value: float | datetime | timedelta | str | None) -> None:
        """Give the session its own expiry; see `set_expiry`."""
        self.set_expiry(value)

    def _expire(self, expiry: float | str | None) -> None:
        """Set idle window and limit from the value of Django's own key."""
        if has_passed(expiry):
            return
        if isinstance(expiry, str):
            ends = second_of(expiry)
            left, cap = ends - int(time()), ends - self.started_at
            longest = self._manager.codec.writer.policy.longest_cap
            # The session may have started before it was given this expiry.
            self.set_lifetime(left, cap=cap if longest is None else min(cap, max(left, longest)))
        else:
            self.set_lifetime(max(1, int(expiry)) if expiry else None)

    @property
    def _is_over(self) -> bool:
        """Whether the session's own expiry has passed."""
        return (self._value or self._open()).is_mapping and has_passed(self.get(_EXPIRY))

    def end_if_over(self) -> None:
        """Sign out if the session's own expiry has passed."""
        if self.opened and not self.closed and self._is_over:
            self.clear()

    def get_expire_at_browser_close(self) -> bool:
        """Tell whether the cookie ends with the browser, by `set_expiry` or the settings."""
        if (self._value or self._open()).is_mapping:  # not a typed state
            return bool(SessionBase.get_expire_at_browser_close(self))
        return bool(settings.SESSION_EXPIRE_AT_BROWSER_CLOSE)

    def get_session_cookie_age(self) -> int:
        """Return the seconds of the session's idle window."""
        return self.ttl

    def get_expiry_age(self, **given: Any) -> int:
        """Return the seconds until the session expires unless it is renewed."""
        if given:
            return int(SessionBase.get_expiry_age(self, **given))
        return 0 if self._is_over else max(0, self.expires_at - int(time()))

    def get_expiry_date(self, **given: Any) -> datetime:
        """Return the instant at which the session expires unless it is renewed."""
        if given:
            date: datetime = SessionBase.get_expiry_date(self, **given)
            return date
        return instant_of(int(time()) if self._is_over else self.expires_at)

    async def aget_expiry_age(self, **given: Any) -> int:
        """Return the seconds until the session expires unless it is renewed."""
        return self.get_expiry_age(**given)

    async def aget_expiry_date(self, **given: Any) -> datetime:
        """Return the instant at which the session expires unless it is renewed."""
        return self.get_expiry_date(**given)

    # -- the methods of a store: few are needed, because the session is in its token --

    def is_empty(self) -> bool:
        """Tell whether the session has neither state nor subject."""
        return not super().__bool__() and self.subject is None

    def exists(self, session_key: str) -> bool:
        """Tell whether a session of this id can exist.

        With a directory: True for the current request's session, and for each session of a
        signed-in user. Without one: True for 32 hexadecimal digits that are not in the revocation
        list. Nothing else is stored, so an expired session counts as existing, and so does one that
        ended with all of its subject's. False for a token: packages would then read it from a
        header, and no response gives its client the new token of a changed session.

        Args:
            session_key: The key from a request's session.

        Raises:
            StoreError: The list cannot be read.
        """
        sid, codec = sid_named(session_key), self._manager.codec
        revocations = codec.revocations
        if sid is not None and codec.directory is not None:
            running = RUNNING.get()
            is_running = running is not None and running.is_named(sid)
            return is_running or codec.directory.lists(sid, int(time()))
        return sid is not None and (revocations is None or not revocations.denies(sid))

    def load(self) -> dict[str, Any]:
        """Return the state."""
        return self.copy()

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing, because no store holds expired sessions."""


class SessionOfRequest(DjangoSession):
    """The session of one request. It is written with the response.

    Args:
        manager: Opens it.
        headers: The raw request headers.

    Attributes:
        outer: The session of the outer request, for example if a view uses a test client.
    """

    def __init__(
        self, manager: SessionManager[Any], headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        super().__init__(manager, headers, None)
        self.outer = RUNNING.get()

    @property  # type: ignore[misc]  # typeshed lets it be set
    def __class__(self) -> type[SessionBase]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """SESSION_ENGINE's class, which packages call with a key to open the session again."""
        engine: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return engine

    def is_named(self, sid: bytes | None) -> bool:
        """Tell whether an id is this session's current or former one."""
        if sid is None:
            return False
        value = self._value or self._open()
        found = value.opened
        return sid in (value.sid, *value.given_up) or (
            found is not None and sid == found.claims.sid
        )

    @property
    def session_key(self) -> str | None:
        """The session id in hexadecimal, which is not secret; None if there is nothing to save.

        After `create` or `save` an empty session has a key too. Then an application can store data
        under each visitor's key.
        """
        return self.sid.hex() if self.kid or not self.is_empty() else None

    def create(self) -> None:
        """Write the session with the response, even if it is empty."""
        if self.session_key is None:
            self[_CREATED] = True

    def save(self, must_create: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # as Django
        """Do what `create` does, raise what writing would, and keep this state for a failure."""
        self.create()
        self.check()
        self._kept = self.sid, self._manager.codec.changes.packed(self._open())

    def flush(self) -> None:
        """Sign out: remove state and subject, and start a new session."""
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

    def delete(self, session_key: str | None = None) -> None:
        """Sign out, or end another session at once.

        Args:
            session_key: The id or token of a session; None for this one. A former id of this
                session ends with the response anyway.

        Raises:
            ConfigError: The key is another session's, and there is no revocation list.
            StoreError: The end could not be recorded.
        """
        if session_key is None or sid_named(session_key) == self.sid:
            self.clear()
        elif not self.is_named(sid_named(session_key)):
            end_session(self._manager, session_key)


# The session of the current request.
RUNNING: Final[ContextVar[SessionOfRequest | None]] = ContextVar("RUNNING", default=None)
