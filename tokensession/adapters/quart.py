"""Sessions for Quart, through its own extension point.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.quart import SessionInterface
>>> app.session_interface = SessionInterface(KeyRing.follow("session-keys.json"))

``quart.session`` is the session, and ``session_of(request)`` is the same session, typed. Settings
and `permanent` work as in `tokensession.adapters.flask`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.errors import how_to_install

try:
    from quart import session as current_session
    from quart import sessions
    from quart.wrappers.response import IterableBody
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.quart needs Quart: {how_to_install('quart')}"
    ) from _missing

from tokensession.adapters.flask_cookie import CookieGetters
from tokensession.adapters.flask_managers import ManagersByApp
from tokensession.adapters.flask_session import session_of
from tokensession.sessions.steps import run_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Unpack

    from quart import Quart
    from quart.wrappers import BaseRequestWebsocket
    from quart.wrappers.response import ResponseBody

    from tokensession.adapters.flask_session import Session
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options

__all__ = ["SessionInterface", "session_of"]


# Quart declares `session_interface` as this class, so checkers take nothing else.
class SessionInterface(CookieGetters, sessions.SecureCookieSessionInterface):
    """Quart's sessions in tokens: set it as ``app.session_interface``.

    A WebSocket reads the session of its handshake. Quart accepts it without headers, so a change
    there would be lost and raises a ConfigError. Stores are called in a thread. If a store fails,
    the answer is 503.

    Args:
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        options: As for `tokensession.adapters.flask.SessionInterface`.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        **options: Unpack[Options],
    ) -> None:
        self._managers = ManagersByApp(keys, current_session, options)

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> Any:
        """Return the session of a request. It is opened lazily."""
        scope = request.scope
        managers = self._managers.of(app)
        session = managers.open(request, scope["headers"], scope.get("scheme"))
        manager = managers.permanent
        if manager.can_wait(session):
            await run_beside(manager.opening(session))
        if scope["type"] == "websocket":
            manager.complete(session)
        else:
            session._method = scope["method"]
        return session

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Write the session into the response; see `SessionManager.save`."""
        if response is None:
            return  # a WebSocket's session is read-only from the start
        managers = session._managers
        body = getattr(response, "response", None)
        streamed = isinstance(body, IterableBody)
        await run_beside(
            managers.saving(app, session, response, session._method, streamed=streamed)
        )
        if streamed and response.response is body:
            response.response = IterableBody(_watched(body, managers.permanent, session))


async def _watched(
    body: ResponseBody, manager: SessionManager[Any], session: Session
) -> AsyncIterator[Any]:
    """Yield a body's chunks, and check for late changes at its end."""
    try:
        async with body as chunks:
            async for chunk in chunks:
                yield chunk
    finally:  # also if the client has disconnected
        manager.complete(session)
    manager.check_unchanged(session)
