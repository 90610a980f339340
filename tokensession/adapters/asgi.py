"""Sessions for any ASGI application: Starlette, FastAPI, Litestar, Quart and bare ASGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.asgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.follow("session-keys.json"))

The session is ``scope["session"]``, which is ``request.session`` in Starlette and FastAPI. Their
types call that a dict: ``session_of(request)`` is the same session with its verbs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from tokensession.adapters.replaced import check_in_place, take_over, tell_of_outer, write_as_json
from tokensession.adapters.unmarked import save, saving
from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.sessions.steps import run_beside
from tokensession.web.options import check_key, manager_of
from tokensession.web.request_session import COMPLETE, RequestSession
from tokensession.web.unavailable import refusal, unavailable

if TYPE_CHECKING:
    from typing import Unpack

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_START: Final = "http.response.start"
_BODY: Final = "http.response.body"
# The messages that end a response, unless `more_body` is set.
_ENDS: Final = {
    _BODY, "http.response.pathsend", "http.response.zerocopysend", "websocket.http.response.body",
}  # fmt: skip
_ACCEPT: Final = "websocket.accept"
_REFUSES: Final = "websocket.close"  # a WebSocket that was not accepted
_BEGINS: Final = {_START, _ACCEPT, "websocket.http.response.start", _REFUSES}
_TRY_AGAIN_LATER: Final = 1013  # WebSocket close code
_INTERNAL_ERROR: Final = 1011  # WebSocket close code


class SessionMiddleware:
    """Gives each request its session, and saves it with the response.

    The session is opened lazily. A request that does not use it costs almost nothing. The session
    can be changed until the response begins (for a WebSocket: until it is accepted). Later changes
    raise a ConfigError, and so do changes before a WebSocket is refused. Stores are called in a
    thread. If a store fails, the answer is 503.

    Args:
        app: The application.
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: The cookie's name, by default ``__Host-session``. The context of its tokens is
            the name without its prefix.
        scope_key: The key of the session in the scope, for several sessions in one application.
        options: As for `SessionManager`: `policy`, `revocation`, `overflow`, `cookie`, `legacy`,
            `state_type`, `padding`, `observer`, `convert`.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        app: App,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        cookie_name: str | None = None,
        scope_key: str = "session",
        **options: Unpack[Options],
    ) -> None:
        self.app = app
        self._manager = manager_of(keys, options, cookie_name=cookie_name)
        check_key("scope_key", scope_key)
        self._scope_key = scope_key
        write_as_json()

    async def __call__(  # noqa: C901  # flat, because calls would be too slow
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one request or WebSocket; other scopes pass through."""
        kind, manager = scope["type"], self._manager
        if kind != "http" or not manager.storeless or manager.lags:
            if kind in ("http", "websocket"):
                await self._serve(scope, receive, send)
            else:
                await self.app(scope, receive, send)
            return
        # An HTTP request without a store: one function instead of an object and coroutines.
        key = self._scope_key
        if key in scope:
            tell_of_outer(scope[key], key)
        session = scope[key] = manager.open(scope["headers"], scheme=scope.get("scheme"))
        begun = replaced = False
        begun_with: object = None

        def sending(message: Message) -> Awaitable[None]:
            nonlocal begun, begun_with, replaced
            kind = message["type"]
            if begun:
                check_in_place(scope, key, begun_with)
                if kind in _ENDS and not message.get("more_body"):
                    session._phase = COMPLETE
                return send(message)
            if replaced or kind != _START:
                return _nothing() if replaced else send(message)
            headers = [*message.get("headers", ())]
            try:
                if scope.get(key) is not session:
                    take_over(scope, key, session)
                save(manager, session, headers, method=scope.get("method"))
            except TokenSessionError as error:
                answer = refusal(manager, error, headers)
                if answer is None:
                    raise
                replaced = True
                return _answer(send, answer, error)
            begun, begun_with = True, scope.get(key)
            # A copy, because the application can reuse its message, as Litestar's cache does.
            return send({**message, "headers": headers})

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            # An outer layer answers an error before the response, so no change can be saved.
            session._phase = COMPLETE
            if begun or replaced or not isinstance(error, StoreError):
                raise
            await _answer(send, unavailable(manager, error), error)
        session._phase = COMPLETE
        if begun:
            check_in_place(scope, key, begun_with)
            manager.check_unchanged(session)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that can need a store, or a WebSocket."""
        manager = self._manager
        session = manager.open(scope["headers"], scheme=scope.get("scheme"))
        if self._scope_key in scope:
            tell_of_outer(scope[self._scope_key], self._scope_key)
        scope[self._scope_key] = session
        if manager.can_wait(session):
            await run_beside(manager.opening(session))
        exchange = _Exchange(manager, session, scope, self._scope_key, send)
        try:
            await self.app(scope, receive, exchange.send)
        except StoreError as error:
            manager.complete(session)
            if exchange.begun:
                raise
            if not exchange.replaced:
                await exchange.refuse(unavailable(manager, error))
        except BaseException:
            manager.complete(session)
            raise
        if exchange.begun:
            manager.complete(session)
            check_in_place(scope, self._scope_key, exchange.begun_with)
            manager.check_unchanged(session)


class HasScope(Protocol):
    """A request or WebSocket of a framework, with its ASGI scope."""

    @property
    def scope(self) -> Any:
        """The ASGI scope."""
        ...


def session_of(request: HasScope | Mapping[str, Any], key: str = "session") -> RequestSession[Any]:
    """Return the session of a request.

    Args:
        request: The request, its WebSocket, or the ASGI scope.
        key: The `scope_key` of the middleware.

    Raises:
        ConfigError: There is no middleware of this library around the application.
    """
    scope: Any = getattr(request, "scope", request)
    if not isinstance(session := scope.get(key), RequestSession):
        raise ConfigError(
            f"scope[{key!r}] has no session of tokensession: add "
            "tokensession.adapters.asgi.SessionMiddleware to the application "
            "(in Litestar: the plugin tokensession.adapters.litestar.SessionConfig)"
        )
    return session


async def _nothing() -> None:
    """Send nothing."""


async def _answer(send: Send, answer: Refusal, error: TokenSessionError) -> None:
    """Send a response in place of the application's; raise the error unless it is a store's."""
    await send({"type": _START, "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
    if not isinstance(error, StoreError):
        raise error


class _Exchange:
    """One request until its response is complete.

    Attributes:
        begun: Whether the application's response has begun.
        begun_with: The object in the session's place at that time.
        replaced: Whether a response of ours replaced the application's.
    """

    __slots__ = (
        "_key", "_manager", "_scope", "_send", "_session", "begun", "begun_with", "replaced",
    )  # fmt: skip

    def __init__(
        self,
        manager: SessionManager[Any],
        session: RequestSession[Any],
        scope: Scope,
        key: str,
        send: Send,
    ) -> None:
        self._key = key
        self._manager = manager
        self._session = session
        self._scope = scope
        self._send = send
        self.begun = self.replaced = False
        self.begun_with: object = None

    async def send(self, message: Message) -> None:
        """Send a message of the application that may need a store or belongs to a WebSocket."""
        kind = message["type"]
        if self.replaced:
            return
        if self.begun:
            check_in_place(self._scope, self._key, self.begun_with)
        if self.begun or kind not in _BEGINS:
            if kind in _ENDS and not message.get("more_body"):
                self._manager.complete(self._session)
            await self._send(message)
            return
        manager, session = self._manager, self._session
        take_over(self._scope, self._key, session)
        headers = [*message.get("headers", ())]
        refuses = kind == _REFUSES
        changed = refuses and manager.is_changed(session)
        steps = saving(
            manager,
            session,
            headers,
            status=message.get("status", 200),
            method=self._scope.get("method"),
            varies=not refuses and kind != _ACCEPT,
        )
        try:
            await run_beside(steps)
        except TokenSessionError as error:
            answer = refusal(manager, error, headers)
            if answer is None:
                raise
            await self.refuse(answer)
            if not isinstance(error, StoreError):
                raise
            return
        self.begun, self.begun_with = True, self._scope.get(self._key)
        await self._send(message if refuses else {**message, "headers": headers})
        if changed and headers:
            raise ConfigError(
                "the session was changed before its WebSocket was refused, but a refusal sets no "
                "cookie: accept the WebSocket, or answer it by HTTP (the extension "
                "websocket.http.response)"
            )

    async def refuse(self, answer: Refusal) -> None:
        """Send a response in place of the application's."""
        self.replaced = True
        self._manager.complete(self._session)
        prefix = "http"
        if self._scope["type"] == "websocket":
            if "websocket.http.response" not in self._scope.get("extensions", {}):
                unavailable = answer.status != 500  # noqa: PLR2004  # the other possible status
                code = _TRY_AGAIN_LATER if unavailable else _INTERNAL_ERROR
                await self._send({"type": _REFUSES, "code": code})
                return
            prefix = "websocket.http"
        start = {"type": f"{prefix}.response.start", "status": answer.status}
        await self._send({**start, "headers": answer.headers})
        await self._send({"type": f"{prefix}.response.body", "body": answer.body})
