"""Sessions for Pyramid, as a session factory.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.pyramid import SessionFactory
>>> config.set_session_factory(SessionFactory(KeyRing.follow("session-keys.json")))

``request.session`` is the session, with Pyramid's flash messages and CSRF tokens;
``session_of(request)`` is the same, typed.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from tokensession.errors import how_to_install

try:
    from pyramid.httpexceptions import HTTPServiceUnavailable
    from pyramid.interfaces import ISession, ISessionFactory
    from zope.interface import implementer
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.pyramid needs Pyramid: {how_to_install('pyramid')}"
    ) from (_missing)

from tokensession.adapters.sign_in_key import SharedMembers
from tokensession.adapters.unmarked import save
from tokensession.adapters.wsgi import RequestHeaders
from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.web.caching import encoded, is_merged, merged
from tokensession.web.options import manager_of
from tokensession.web.unavailable import claim, mark, refusal, release, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Unpack

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.value import SessionValue
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

_CSRF = "_csrft_"  # Pyramid's own key
_CSRF_BYTES = 20


class UnavailableError(HTTPServiceUnavailable, StoreError):  # type: ignore[misc]  # no types
    """A StoreError that Pyramid answers with 503, unless one of your views handles it."""


@implementer(ISession)
class Session(SharedMembers):
    """The session of one request, with the interface of Pyramid's sessions.

    With `SessionAuthenticationHelper`, a sign-in starts a new session and a sign-out ends it. If a
    store fails, the StoreError is also Pyramid's `HTTPServiceUnavailable`.
    """

    _sign_in_key = "auth.userid"
    _sign_in_module = "pyramid.authentication"

    def _open(self) -> SessionValue[Any]:
        try:
            return super()._open()
        except StoreError as error:
            answer = UnavailableError(str(error))
            _replace(answer, unavailable(self._manager, error))
            raise answer from error

    _is_last = False  # whether it is saved after all other response callbacks
    _is_answered = False  # whether Pyramid has a response

    def __json__(self, request: Any) -> Any:  # as Pyramid's renderer calls it
        """Return the state, which Pyramid's JSON renderer writes for a session."""
        return self.state

    def flash(self, msg: Any, queue: str = "", allow_duplicate: bool = True) -> None:  # noqa: FBT001, FBT002  # Pyramid's signature
        """Store a message for the next page."""
        messages = self.setdefault(f"_f_{queue}", [])
        if allow_duplicate or msg not in messages:
            messages.append(msg)

    def pop_flash(self, queue: str = "") -> list[Any]:
        """Return the messages of a queue, and remove them."""
        messages: list[Any] = self.pop(f"_f_{queue}", [])
        return messages

    def peek_flash(self, queue: str = "") -> list[Any]:
        """Return the messages of a queue."""
        messages: list[Any] = self.get(f"_f_{queue}", [])
        return messages

    def new_csrf_token(self) -> str:
        """Create a new CSRF token, and return it."""
        token = self[_CSRF] = os.urandom(_CSRF_BYTES).hex()
        return token

    def get_csrf_token(self) -> str:
        """Return the CSRF token; create it if there is none."""
        token: str | None = self.get(_CSRF)
        return self.new_csrf_token() if token is None else token


@implementer(ISessionFactory)
class SessionFactory:
    """Pyramid's sessions in tokens: pass it to ``config.set_session_factory``.

    The session is opened lazily. It can be changed until Pyramid has the response, and in response
    callbacks.

    Args:
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: The cookie's name, by default ``__Host-session``.
        options: As for `SessionManager`.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        cookie_name: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._manager = manager_of(keys, options, cookie_name=cookie_name)

    def __call__(self, request: Any) -> Session:
        """Return the session of a request. It is opened lazily."""
        manager = self._manager
        environ = request.environ
        headers = RequestHeaders(environ, manager.vary)
        session = Session(manager, headers, None, environ.get("wsgi.url_scheme"))
        request.add_response_callback(partial(self._save, session))
        request.add_finished_callback(partial(self._end, session))
        return session

    def _save(self, session: Session, request: Any, response: Any) -> None:
        """Write the session into the response; see `SessionManager.save`."""
        if request.response_callbacks and not session._is_last:
            session._is_last = True
            request.add_response_callback(partial(self._save, session))
            return
        manager = self._manager
        session._is_answered = True
        claim(response, session)
        fields = merged(response.headerlist)
        try:
            save(manager, session, fields, status=response.status_int, method=request.method)
        except TokenSessionError as error:
            release(response, session)
            answer = refusal(manager, error, encoded(response.headerlist) + fields)
            if answer is None:
                raise
            _replace(response, answer)
            manager.complete(session)
            return
        if session.opened:
            _write(response, session, fields)
        session._late = partial(_vary, response, manager.vary.decode())
        if isinstance(response.app_iter, list | tuple):
            manager.complete(session)  # the body is complete
        else:
            response.app_iter = _Watched(response.app_iter, manager, session)

    def _end(self, session: Session, request: Any) -> None:
        """Refuse to lose a change that was made after the response.

        Raises:
            ConfigError: The session has changed, but no response can carry the change.
        """
        if session._is_answered:
            return
        changed = self._manager.is_changed(session)
        self._manager.complete(session)
        # If the view failed, its error is more important, and no change is saved.
        if changed and request.exception is None and sys.exc_info()[1] is None:
            raise ConfigError(
                "the session was changed after the response was made, so the change is lost: "
                "change it in the view"
            )


def session_of(request: Any) -> Session:
    """Return the session of a request.

    Raises:
        ConfigError: The application has another session factory, or none.
    """
    factory = request.registry.queryUtility(ISessionFactory)
    if not isinstance(factory, SessionFactory):
        raise ConfigError(
            "this application has no sessions of tokensession: call config.set_session_factory("
            "tokensession.adapters.pyramid.SessionFactory(keys))"
        )
    session: Session = request.session
    return session


class _Watched:
    """A body that checks for late changes at its end.

    It is not a generator: a server closes the body of a HEAD request without iterating it, and a
    generator that was not started would not close the application's body.
    """

    def __init__(
        self, chunks: Iterable[bytes], manager: SessionManager[Any], session: Session
    ) -> None:
        self._chunks = chunks
        self._manager = manager
        self._session = session

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        self._manager.complete(self._session)
        self._manager.check_unchanged(self._session)

    def close(self) -> None:
        """Release the application's body; the server calls this also after a disconnection."""
        self._manager.complete(self._session)
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _vary(response: Any, name: str) -> None:
    response.vary = (*(response.vary or ()), name)


def _write(response: Any, session: Session, fields: Headers) -> None:
    """Write headers into a response."""
    if any(name == b"set-cookie" for name, _ in fields):
        mark(response, session)
    else:
        release(response, session)
    response.headerlist = [
        *((name, text) for name, text in response.headerlist if not is_merged(name)),
        *((name.decode().title(), text.decode("latin-1")) for name, text in fields),
    ]


def _replace(response: Any, answer: Refusal) -> None:
    """Put a response of ours into a response."""
    response.status_int = answer.status
    response.headerlist = [(n.decode().title(), t.decode("latin-1")) for n, t in answer.headers]
    response.app_iter = [answer.body]
