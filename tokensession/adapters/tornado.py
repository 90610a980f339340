"""Sessions for Tornado, as a mixin of its handlers.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.tornado import SessionMixin, setup
>>> class Home(SessionMixin, RequestHandler): ...
>>> setup(app, KeyRing.follow("session-keys.json"))

``self.session`` is the session, and ``self.current_user`` its subject.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tokensession.errors import how_to_install

try:
    from tornado.web import HTTPError, RequestHandler
    from tornado.websocket import WebSocketError
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.tornado needs Tornado: {how_to_install('tornado')}"
    ) from _missing

from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.sessions.steps import begun, run, run_beside
from tokensession.web.caching import add_vary, encoded, is_merged, merged
from tokensession.web.cookies import Cookie
from tokensession.web.manager import FAILED
from tokensession.web.options import check_apart, check_key, manager_of
from tokensession.web.unavailable import refusal, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Unpack

    from tornado.web import Application

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.steps import Steps
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options
    from tokensession.web.request_session import RequestSession
    from tokensession.web.unavailable import Refusal

_Manager: TypeAlias = "SessionManager[Any]"
_Future: TypeAlias = "asyncio.Future[None]"
_SETTING: Final = "tokensession"  # the managers by key, in the application's settings
_UPGRADE: Final = 101  # the status of a WebSocket's handshake


def setup(
    app: Application,
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    *,
    cookie_name: str | None = None,
    key: str = "session",
    **options: Unpack[Options],
) -> None:
    """Give each handler of an application its session. Handlers inherit from `SessionMixin`.

    Args:
        app: The application.
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: The cookie's name, by default ``__Host-session``.
        key: The key in a handler's `sessions`, for several sessions in one application.
        options: As for `SessionManager`.

    Raises:
        ConfigError: An argument is invalid.
    """
    managers = app.settings.setdefault(_SETTING, {})
    check_key("key", key)
    if key in managers:
        raise ConfigError(f"this application already has a session {key!r}: pass another key")
    check_apart(manager := manager_of(keys, options, cookie_name=cookie_name), managers.values())
    managers[key] = manager


class SessionMixin(RequestHandler):
    """A handler with a session: put it before `RequestHandler` or `WebSocketHandler`.

    The session is opened lazily. It can be changed until the first ``flush`` or until ``finish``
    (for a WebSocket: until its handshake is answered). Later changes raise ConfigError. A 500 for
    an unexpected error saves nothing. If a store fails, the answer is 503.

    Stores are called in a thread: before ``prepare``, and when the response begins, so ``finish``
    and ``flush`` return before they send. Only a change in a WebSocket's handshake waits for its
    store in the event loop, because Tornado answers handshakes without a pause.
    """

    _managed_sessions: dict[str, tuple[_Manager, RequestSession[Any]]] | None = None
    _session_saving: asyncio.Future[None] | None = None  # it waits for a store
    _session_failure: tuple[TokenSessionError, Refusal | None] | None = None  # and our response
    _has_failed = False  # with an unexpected error

    @property
    def session(self) -> RequestSession[Any]:
        """The session of the request.

        Raises:
            ConfigError: `setup` was not called for the application.
        """
        if (session := self.sessions.get("session")) is not None:
            return session
        raise ConfigError("this application has no sessions: call setup(app, keys)")

    @property
    def sessions(self) -> Mapping[str, RequestSession[Any]]:
        """All sessions of the request, by the keys of `setup`."""
        self._managed()
        return {key: session for key, (_, session) in (self._managed_sessions or {}).items()}

    def get_current_user(self) -> Any:
        """Return the session's subject, or the user from another base class of the handler."""
        own = super().get_current_user
        if getattr(own, "__func__", None) is not RequestHandler.get_current_user:
            return own()
        return self.session.subject

    def clear_cookie(self, name: str, **kwargs: Any) -> None:
        """Delete a cookie. Deleting a session's cookie signs out, like ``session.clear()``."""
        for manager, session in self._managed():
            if isinstance(manager.cookie, Cookie) and manager.cookie.name == name:
                session.clear()
                return
        super().clear_cookie(name, **kwargs)

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:  # noqa: FBT001, FBT002  # as Tornado
        """Send the written data; the first flush saves the session."""
        if self._saves_at_once():
            return super().flush(include_footers)
        return begun(self._after(self._saved(), super().flush))

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """End the response; save the session unless a flush has saved it."""
        if self._finished:
            return super().finish(chunk)  # it raises the error
        if self._session_failure is not None:  # in a flush or finish, and the application continues
            error, _ = self._session_failure
            self.send_error(FAILED, exc_info=(type(error), error, error.__traceback__))
            return begun(asyncio.sleep(0))
        if chunk is not None:
            self.write(chunk)
        if self._saves_at_once():
            return self._end()
        self._finished = True  # so that nothing more is written meanwhile
        return begun(self._end_after(self._saved()))

    def send_error(self, status_code: int = FAILED, **kwargs: Any) -> None:
        """Answer an error: a store's with 503, and one after a sign-out with our 500."""
        failure, self._session_failure = self._session_failure, None
        answer, error = None, kwargs.get("exc_info", (None, None))[1]
        self._has_failed |= error is not None and not isinstance(error, HTTPError)
        if not self._headers_written:
            if failure is not None:
                status_code, answer = FAILED, failure[1]
            elif isinstance(error, StoreError):
                answer = next((unavailable(m, error) for m, _ in self._managed()), None)
        if answer is None:
            super().send_error(status_code, **kwargs)
            return
        self.clear()
        self.set_status(answer.status)
        self._write_headers(answer.headers)
        self.write(answer.body)
        self._end()

    def on_connection_close(self) -> None:
        """Handle a disconnected client; log that a WebSocket's change is lost."""
        super().on_connection_close()
        if self.get_status() == _UPGRADE:
            try:
                self._check_unchanged()
            except ConfigError:
                self.log_exception(*sys.exc_info())

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        """Read the session ahead if that can wait, then handle the request."""
        # Not in prepare, because applications override it, and Tornado needs the user before it.
        for manager, session in self._managed():
            if manager.can_wait(session):
                with suppress(Exception):  # the first access raises it
                    await run_beside(manager.opening(session))
        await super()._execute(transforms, *args, **kwargs)

    def _managed(self) -> Collection[tuple[_Manager, RequestSession[Any]]]:
        """Return each session with its manager. Sessions are opened lazily."""
        if self._managed_sessions is None:
            headers, scheme = encoded(self.request.headers.get_all()), self.request.protocol
            self._managed_sessions = {
                key: (manager, manager.open(headers, scheme=scheme))
                for key, manager in self.settings.get(_SETTING, {}).items()
            }
        return self._managed_sessions.values()

    def _saves_at_once(self) -> bool:
        """Save the sessions unless that can wait for a store; return whether they are saved."""
        if self._session_failure is not None:
            raise self._session_failure[0]
        if self._session_saving is not None:
            return False
        status, managed = self.get_status(), self._managed()
        if self._has_failed and status >= FAILED:
            self._complete()
        if all(session.closed for _, session in managed):
            self._vary()  # an error page can show a session that could not be saved
            return True
        waits = any(session.opened and not manager.storeless for manager, session in managed)
        if waits and status != _UPGRADE:
            return False
        for manager, session in managed:
            with self._saving(manager, session) as steps:
                run(steps)
        return True

    async def _save_beside(self) -> None:
        try:
            for manager, session in self._managed():
                with self._saving(manager, session) as steps:
                    await run_beside(steps)
        finally:
            self._session_saving = None

    @contextmanager
    def _saving(self, manager: _Manager, session: RequestSession[Any]) -> Iterator[Steps[None]]:
        """Yield the steps that save a session, and write its headers."""
        method, status = self.request.method, self.get_status()
        fields = merged(self._headers.get_all())
        varies = status != _UPGRADE
        try:
            yield manager.saving(session, fields, status=status, method=method, varies=varies)
        except TokenSessionError as error:
            own = encoded(self._headers.get_all())
            self._session_failure = error, refusal(manager, error, own + fields)
            self._complete()
            if not varies:  # Tornado would drop a ValueError, and the connection with it
                raise WebSocketError(str(error)) from error
            raise
        if session.opened:
            self._write_headers(fields)

    def _saved(self) -> asyncio.Future[None]:
        """Return the saving that waits for a store; it is started once."""
        if self._session_saving is None:
            self._session_saving = begun(self._save_beside())
        return asyncio.shield(self._session_saving)

    async def _after(self, saved: _Future, send: Callable[[], _Future]) -> None:
        await saved
        if not self._finished:  # otherwise `finish` sends everything
            await send()

    async def _end_after(self, saved: _Future) -> None:
        try:
            await saved
            self._finished = False
            sent = self._end()
        except Exception as error:  # noqa: BLE001  # Tornado logs and answers it
            self._finished &= self._headers_written
            self._handle_request_exception(error)
        else:
            await sent

    def _end(self) -> asyncio.Future[None]:
        """Finish the response; loggers and ``on_finish`` can then read the sessions."""
        streams = self._headers_written and not self._has_failed
        self._complete()
        sent = super().finish()
        if streams:
            self._check_unchanged()
        return sent

    def _complete(self) -> None:
        for manager, session in self._managed():
            manager.complete(session)

    def _check_unchanged(self) -> None:
        for manager, session in self._managed():
            manager.check_unchanged(session)

    def _vary(self) -> None:
        fields = merged(self._headers.get_all())
        for manager, session in self._managed():
            if session.opened and not self._headers_written:
                add_vary(fields, manager.vary)
        self._write_headers(fields)

    def _write_headers(self, fields: Headers) -> None:
        """Write headers, replacing those of the same name; cookies are added."""
        names = {*filter(is_merged, self._headers), *(name.decode() for name, _ in fields)}
        for name in names - {"set-cookie"}:
            self.clear_header(name)
        for field, text in fields:
            self.add_header(field.decode().title(), text.decode("latin-1"))
