"""The session store for Django's settings: sessions by key, outside of their requests."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from tokensession.adapters.django.browser import client_that_asks
from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.ending import NO_LIST, end_session, sid_named
from tokensession.adapters.django.session import RUNNING, DjangoSession
from tokensession.errors import ConfigError
from tokensession.web.cookies import Cookie

if TYPE_CHECKING:
    from tokensession.sessions.value import SessionValue
    from tokensession.web.manager import SessionManager


class SessionStore(DjangoSession):
    """A session outside its request, or the current request's session by its id.

    Args:
        session_key: The key of the session:

            - None: a new session; `save` creates its token.
            - A token, such as the test client's cookie: the session in it.
            - The current request's session id: that same object.
            - A former id of that session: a handle on it.
            - Another id: only a name. `delete` and `flush` end that session, but its state cannot
              be read or written.
    """

    def __new__(cls, session_key: str | None = None) -> Any:
        """Return the current request's session for its own id, or a new store."""
        sid, running = sid_named(session_key), RUNNING.get()
        if sid is not None and running is not None and sid == running.sid:
            return running
        return super().__new__(cls)

    def __init__(self, session_key: str | None = None) -> None:
        manager = configured_manager()
        super().__init__(manager, _headers(manager, session_key), None)
        self._client = client_that_asks()
        self._key = session_key
        self._name = sid_named(session_key)
        running = RUNNING.get() if self._name is not None else None
        self._running = running if running is not None and running.is_named(self._name) else None
        if session_key is not None and self._name is None:
            self._open()  # a token, which can expire while a WebSocket is open

    @property  # type: ignore[misc]  # typeshed lets it be set
    def __class__(self) -> type[SessionStore]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class itself, because Django's own store is not a dict."""
        return SessionStore

    @property
    def session_key(self) -> str | None:
        """The given key, or the token from `save`; None after `flush`."""
        return self._key if self._running is None else self._running.session_key

    def _open(self) -> SessionValue[Any]:
        if self._running is not None:
            return self._running._open()
        self._check_is_known()
        return super()._open()

    def _changing(self) -> SessionValue[Any]:
        if self._running is not None:
            return self._running._changing()
        self._check_is_known()
        return super()._changing()

    @property
    def is_name(self) -> bool:
        """Whether only the id is known, so the session can be ended but not read."""
        return self._name is not None and self._running is None

    def _check_is_known(self) -> None:
        """Refuse to read or change a session whose token is elsewhere.

        Raises:
            ConfigError: Only its id is known.
        """
        if self._name is not None:
            raise ConfigError(
                "only the session's id is known, because its state is in its browser's cookie: "
                "read or change it in its own request"
            )

    @property
    def closed(self) -> bool:
        """Whether the response has begun, so that changes raise an error."""
        return super().closed if self._running is None else self._running.closed

    def revoke_others(self) -> None:
        """End all other sessions of the subject; see `RequestSession.revoke_others`."""
        if self._running is not None:
            self._running.revoke_others()
        else:
            super().revoke_others()

    def create(self) -> None:
        """Create the session's token, as `save` does."""
        self.save()

    def save(self, must_create: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # as Django
        """Create the session's token, which becomes its `session_key`.

        A test client gets the token of its session. The current request's session is written with
        the response. A middleware with a cookie of its own puts `session_key` there.

        Raises:
            ConfigError: The session was opened with a token and has changed, but no response
                carries the change, as in a WebSocket consumer; or the ring cannot sign.
            StateError: The state contains a value that cannot be written unchanged.
            SessionTooLarge: No reader would accept the token.
        """
        if self._running is not None:
            self._running.save()
            return
        self.end_if_over()
        if self._client is None and self._is_carried and not self._has_cookie_of_its_own:
            if self._flagged or self._manager.is_changed(self):
                raise ConfigError(
                    "the session was changed outside its request, so no response gives the browser "
                    "its new token: change request.session in a view"
                )
            return
        self._key = self._manager.codec.renew(self)
        if self._client is not None and isinstance(self._manager.cookie, Cookie):
            self._client.cookies[self._manager.cookie.name] = self._key

    @property
    def _is_carried(self) -> bool:
        """Whether a browser has the token with which this session was opened."""
        value = self._value or self._open()
        return value.opened is not None and not value.cleared

    @property
    def _has_cookie_of_its_own(self) -> bool:
        """Whether this is a second session beside the current request's."""
        running = RUNNING.get()
        return running is not None and not running.is_named(self._sid_found())

    def flush(self) -> None:
        """End the session, and start an empty one without a key.

        Raises:
            ConfigError: There is no revocation list, so the browser's session would stay valid.
            StoreError: The end could not be recorded.
        """
        if self._running is not None:
            self._running.delete(self._key)
            return
        self._end()
        if self._name is None:
            self.clear()
        self._key = None
        if self._client is not None:
            self._client.cookies.pop(getattr(self._manager.cookie, "name", ""), None)

    async def aflush(self) -> None:
        """End the session; see `flush`."""
        await sync_to_async(self.flush)()

    def delete(self, session_key: str | None = None) -> None:
        """End this session, or another.

        Args:
            session_key: The id or token of a session; None for this one.

        Raises:
            ConfigError: There is no revocation list.
            StoreError: The end could not be recorded.
        """
        running = RUNNING.get()
        if session_key is None or session_key == self._key:
            self.flush()
        elif running is not None and running.is_named(sid_named(session_key)):
            running.delete(session_key)
        else:
            end_session(self._manager, session_key)

    def _end(self) -> None:
        """End the session that was found; a session without a token needs no end."""
        if self._key is None:
            return
        if self._manager.codec.revocations is not None:
            end_session(self._manager, self._key, None if self._name else self._sid_found())
        elif self._client is None and (self._name is not None or self._is_carried):
            raise ConfigError(NO_LIST)

    def _sid_found(self) -> bytes | None:
        """Return the id of the session that was opened or created; None if it was refused."""
        value = self._value or self._open()
        if value.opened is not None:
            return value.opened.claims.sid
        return value.sid if value.refused is None else None

    def cycle_key(self) -> None:
        """Give the session a new id, and a new token if it had one.

        Raises:
            ConfigError: There is no revocation list, so the former token would stay valid.
            Revoked: The session has ended meanwhile.
            StoreError: The end of the former id could not be recorded.
        """
        if self._running is not None:
            self._running.cycle_key()
            return
        value = self._changing()
        former, key = value.sid, self._key
        value.regenerate()
        revocations = self._manager.codec.revocations
        if key is None:
            return
        if revocations is not None:
            at = int(time())
            ids = (former, value.sid)
            revocations.replace(*ids, value.subject, value.started_at, at, cap=value.cap)
        elif self._client is None and self._is_carried:
            raise ConfigError(NO_LIST)
        self._key = self._manager.codec.renew(self)

    async def acycle_key(self) -> None:
        """Give the session a new id; see `cycle_key`."""
        await sync_to_async(self.cycle_key)()


def _headers(manager: SessionManager[Any], token: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the request headers of a browser with a token."""
    if not token or not isinstance(manager.cookie, Cookie):
        return ()
    return ((b"cookie", f"{manager.cookie.name}={token}".encode()),)
