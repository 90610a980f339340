"""Sessions for any ASGI application: Starlette, FastAPI, Litestar, Quart and bare ASGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.asgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.open("session-keys.json"))

The session is ``scope["session"]``, which is ``request.session`` in Starlette and FastAPI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from tokensession.manager import SessionManager, manager_of

if TYPE_CHECKING:
    from tokensession.keys import KeyRing
    from tokensession.keystores.watcher import KeyRingWatcher
    from tokensession.policy import Policy

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BEGINS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


class SessionMiddleware:
    """Gives each request its session, and each response what the session needs.

    The session is opened on first access; a request that never touches it costs next to nothing.
    It can be changed until the response begins (for a WebSocket: until it is accepted); later
    changes raise a ConfigError.

    Args:
        app: The application.
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context of its tokens.
        scope_key: Where the session stands in the scope, for several sessions in one application.

    Raises:
        ConfigError: Wrong arguments.
    """

    def __init__(
        self,
        app: App,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        policy: Policy | None = None,
        cookie_name: str = "__Host-session",
        scope_key: str = "session",
    ) -> None:
        self.app = app
        self._manager = manager_of(keys, policy=policy, cookie_name=cookie_name)
        self._scope_key = scope_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket; other scopes pass through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        manager = self._manager
        session = manager.open(scope["headers"])
        scope[self._scope_key] = session
        begun = False

        async def send_with_session(message: Message) -> None:
            nonlocal begun
            if not begun and message["type"] in _BEGINS:
                headers = list(message.get("headers", ()))
                manager.save(session, headers, varies=message["type"] != "websocket.accept")
                message["headers"] = headers
                begun = True
            await send(message)

        await self.app(scope, receive, send_with_session)
        if begun:
            manager.check_unchanged(session)
