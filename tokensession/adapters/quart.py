"""Sessions for Quart, through its own extension point.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.quart import SessionInterface
>>> app.session_interface = SessionInterface(KeyRing.open("session-keys.json"))

``quart.session`` is the session; settings and `permanent` are as in `tokensession.adapters.flask`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

try:
    from quart import Response, sessions
    from quart.wrappers.response import IterableBody
except ImportError as _missing:
    raise ImportError(
        "tokensession.adapters.quart needs Quart: pip install 'tokensession[quart]'"
    ) from _missing

from tokensession.adapters.flask import ManagersByApp, Session
from tokensession.web.unavailable import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from quart import Quart
    from quart.wrappers import BaseRequestWebsocket
    from quart.wrappers.response import ResponseBody

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.web.manager import SessionManager


class SessionInterface(sessions.SessionInterface):
    """Quart's sessions in tokens: set it as ``app.session_interface``.

    A WebSocket reads the session of its handshake. Quart accepts it without asking for headers, so
    a change there would be lost: it raises a ConfigError.

    Args:
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; when None the OWASP profile, and PERMANENT_SESSION_LIFETIME
            for sessions that are permanent.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final. A store is asked in a thread; where it cannot be asked the answer is 503.

    Raises:
        ConfigError: Wrong arguments.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        policy: Policy | None = None,
        revocation: Store | Check | None = None,
    ) -> None:
        self._managers = ManagersByApp(keys, policy, revocation)

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> Any:
        """Return the session of a request; nothing is read before it is touched."""
        scope = request.scope
        managers = self._managers.of(app)
        session = managers.open(scope["headers"])
        if managers.permanent.look_ahead(session):
            await in_thread(partial(managers.permanent.prepare, session))
        if scope["type"] == "websocket":
            session.close(readable=True)
        return session

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Write what the response must say; see `SessionManager.save`."""
        if response is None:
            return  # of a WebSocket, whose session has been closed from the beginning
        managers = self._managers.of(app)
        if managers.permanent.saving_blocks(session):
            await in_thread(partial(managers.save, session, response))
        else:
            managers.save(session, response)
        if session.opened and isinstance(response, Response):
            body = response.response
            if isinstance(body, IterableBody):
                manager = managers.permanent
                response.response = IterableBody(_checked(body, manager, session))


async def _checked(
    body: ResponseBody, manager: SessionManager[Any], session: Session
) -> AsyncIterator[Any]:
    """Give a body as it comes, and see at its end whether a change came too late."""
    async with body as chunks:
        async for chunk in chunks:
            yield chunk
    manager.check_unchanged(session)
