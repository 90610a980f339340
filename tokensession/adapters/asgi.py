"""Sessions for any ASGI application: Starlette, FastAPI, Litestar, Quart and bare ASGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.asgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.open("session-keys.json"))

The session is ``scope["session"]``, which is ``request.session`` in Starlette and FastAPI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, StoreError
from tokensession.web.manager import SessionManager, manager_of
from tokensession.web.unavailable import BODY, UNAVAILABLE, in_thread, unavailable

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.web.request_session import RequestSession

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REFUSES: Final = "websocket.close"  # a WebSocket that has not been accepted
_BEGINS = {"http.response.start", "websocket.accept", "websocket.http.response.start", _REFUSES}
_TRY_AGAIN_LATER: Final = 1013  # of WebSocket's close codes


class SessionMiddleware:
    """Gives each request its session, and each response what the session needs.

    The session is opened on first access; a request that never touches it costs next to nothing.
    It can be changed until the response begins (for a WebSocket: until it is accepted); later
    changes raise a ConfigError, and so do those before a WebSocket is refused.

    Args:
        app: The application.
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context of its tokens.
        scope_key: Where the session stands in the scope, for several sessions in one application.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final. A store is asked in a thread; where it cannot be asked the answer is 503.

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
        revocation: Store | Check | None = None,
    ) -> None:
        self.app = app
        self._manager = manager_of(
            keys, policy=policy, cookie_name=cookie_name, revocation=revocation
        )
        self._scope_key = scope_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket; other scopes pass through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        manager = self._manager
        session = manager.open(scope["headers"])
        if not manager.storeless and manager.look_ahead(session):
            await in_thread(lambda: manager.prepare(session))
        key = self._scope_key
        scope[key] = session
        exchange = _Exchange(manager, session, scope, send)
        try:
            await self.app(scope, receive, exchange.send)
        except StoreError as error:
            if exchange.begun:
                raise
            if not exchange.replaced:
                await exchange.refuse(error, [])
        except BaseException:
            if not exchange.begun:  # what answers it is outside, where no change could be carried
                session.close(readable=True)
            raise
        if exchange.begun:
            manager.check_unchanged(session)
        if scope.get(key) is not session:
            self._check_place(scope)

    def _check_place(self, scope: Scope) -> None:
        """Refuse what took the session's place, unless it is one, as of a mounted application.

        Raises:
            ConfigError: It is none, so the application believes that it has ended the session.
        """
        if not isinstance(scope.get(self._scope_key), Mapping):
            raise ConfigError(
                "the session was taken out of the scope, as Litestar's clear_session() does, and "
                "has not ended: call request.session.clear()"
            )


async def _nothing() -> None:
    """Send nothing."""


class _Exchange:
    """One request on its way to its response."""

    def __init__(
        self, manager: SessionManager[Any], session: RequestSession[Any], scope: Scope, send: Send
    ) -> None:
        self._manager = manager
        self._session = session
        self._scope = scope
        self._send = send
        self.begun = False  # whether the application's response has
        self.replaced = False  # by a 503

    def send(self, message: Message) -> Awaitable[None]:
        """Send what the application sends, with what the session needs."""
        if self.replaced:
            return _nothing()
        if self.begun or message["type"] not in _BEGINS:
            return self._send(message)
        manager = self._manager
        if not manager.storeless or message["type"] == _REFUSES:
            return self._begin(message)
        headers = [*message.get("headers", ())]
        manager.save(self._session, headers, varies=message["type"] != "websocket.accept")
        self.begun = True
        # A copy, as the application may keep its own for other requests (Litestar's cache does).
        return self._send({**message, "headers": headers})

    async def _begin(self, message: Message) -> None:
        """Begin the response where that may need a store."""
        headers = [*message.get("headers", ())]
        manager, session = self._manager, self._session
        refuses = message["type"] == _REFUSES
        changed = refuses and manager.is_changed(session)
        status = message.get("status", 200)
        varies = not refuses and message["type"] != "websocket.accept"
        save = partial(manager.save, session, headers, status=status, varies=varies)
        try:
            if manager.saving_blocks(session):
                await in_thread(save)
            else:
                save()
        except StoreError as error:
            await self.refuse(error, headers)
            return
        self.begun = True
        await self._send(message if refuses else {**message, "headers": headers})
        if changed and headers:
            raise ConfigError(
                "the session was changed before its WebSocket was refused, and that change is "
                "lost, as a refusal sets no cookie: accept the WebSocket, or answer it by HTTP "
                "(the extension websocket.http.response)"
            )

    async def refuse(self, error: StoreError, headers: list[tuple[bytes, bytes]]) -> None:
        """Answer 503; of the response's headers those stay that a 503 keeps."""
        self.replaced = True
        headers = unavailable(self._manager, error, headers)
        prefix = "http"
        if self._scope["type"] == "websocket":
            if "websocket.http.response" not in self._scope.get("extensions", {}):
                await self._send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})
                return
            prefix = "websocket.http"
        start = {"type": f"{prefix}.response.start", "status": UNAVAILABLE, "headers": headers}
        await self._send(start)
        await self._send({"type": f"{prefix}.response.body", "body": BODY})
