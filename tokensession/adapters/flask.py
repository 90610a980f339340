"""Sessions for Flask, through its own extension point.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.flask import SessionInterface
>>> app.session_interface = SessionInterface(KeyRing.follow("session-keys.json"))

``flask.session`` is the session. It has the interface of Flask's own session, and our verbs.
``session_of(request)`` is the same session, typed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tokensession.errors import how_to_install

try:
    from flask import session as current_session
    from flask import sessions
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.flask needs Flask: {how_to_install('flask')}"
    ) from _missing

from tokensession.adapters.flask_cookie import CookieGetters
from tokensession.adapters.flask_managers import ManagersByApp
from tokensession.adapters.flask_session import Session, session_of
from tokensession.adapters.wsgi import RequestHeaders
from tokensession.sessions.steps import run
from tokensession.web.request_session import BEFORE_HEAD

if TYPE_CHECKING:
    from typing import Unpack

    from flask import Flask, Request, Response

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options

__all__ = ["SessionInterface", "session_of"]

_PRESERVED = "werkzeug.debug.preserve_context"  # a test client reads the session afterwards


class SessionInterface(CookieGetters, sessions.SessionInterface):
    """Flask's sessions in tokens: set it as ``app.session_interface``.

    The settings are read at each request: SESSION_COOKIE_NAME, SESSION_COOKIE_DOMAIN,
    SESSION_COOKIE_PATH, SESSION_COOKIE_SAMESITE, SESSION_COOKIE_PARTITIONED and
    PERMANENT_SESSION_LIFETIME. Our defaults replace Flask's unsafe ones: the cookie is
    ``__Host-session``, Secure and SameSite=Lax. If a store fails, the answer is 503.

    Args:
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        options: As for `SessionManager`: `policy`, `revocation`, `overflow`, `cookie`, `legacy`,
            `state_type`, `padding`, `observer`, `convert`. The default policy is the OWASP profile,
            with PERMANENT_SESSION_LIFETIME for permanent sessions.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        **options: Unpack[Options],
    ) -> None:
        self._managers = ManagersByApp(keys, current_session, options)

    def open_session(self, app: Flask, request: Request) -> Session:
        """Return the session of a request. It is opened lazily."""
        managers = self._managers.of(app)
        headers = RequestHeaders(request.environ, managers.permanent.vary)
        return managers.open(request, headers, request.environ.get("wsgi.url_scheme"))

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write the session into the response; see `SessionManager.save`."""
        environ, streamed = session._headers.environ, response.is_streamed
        if session._is_unsent:
            return  # the error has been raised, and this is its page
        session._refuse_unsent(environ, response.status_code)
        managers = session._managers
        run(managers.saving(app, session, response, environ["REQUEST_METHOD"], streamed=streamed))
        if environ.get(_PRESERVED):
            session._phase = BEFORE_HEAD  # later changes are accepted and lost, as in Flask
        elif streamed:
            response.call_on_close(partial(_end, managers.permanent, session))


def _end(manager: SessionManager[Any], session: Session) -> None:
    """Handle the end of a streamed body, and check for late changes."""
    manager.complete(session)
    manager.check_unchanged(session)
