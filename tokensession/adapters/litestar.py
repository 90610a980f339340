"""Sessions for Litestar, through its own session classes.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.litestar import SessionConfig
>>> app = Litestar(handlers, plugins=[SessionConfig(KeyRing.follow("session-keys.json"))])

``request.session`` is the session, and ``session_of(request)`` is the same session, typed.
``set_session``, ``clear_session``, SessionAuth, FlashPlugin, ``exclude`` and the test client's
session data work as with Litestar's own sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from uuid import UUID

from tokensession.errors import how_to_install

try:
    from litestar.middleware.base import DefineMiddleware
    from litestar.middleware.session import SessionMiddleware as LitestarMiddleware
    from litestar.middleware.session.base import BaseBackendConfig, BaseSessionBackend
    from litestar.plugins import InitPlugin
    from litestar.serialization import decode_json, default_serializer, encode_json
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.litestar needs Litestar: {how_to_install('litestar')}"
    ) from (_missing)

from tokensession.adapters import asgi
from tokensession.adapters.asgi import session_of
from tokensession.adapters.replaced import take_over
from tokensession.errors import ConfigError
from tokensession.sessions.steps import run_beside
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager
from tokensession.web.options import manager_of

if TYPE_CHECKING:
    from typing import Unpack

    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.types import ASGIApp, Message, Receive, Scope, Scopes, Send

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.options import Options
    from tokensession.web.request_session import RequestSession

_MAX_INT: Final = 2**53 - 1  # the largest integer that a token can hold

__all__ = ["SessionBackend", "SessionConfig", "SessionMiddleware", "session_of"]


class SessionConfig(BaseBackendConfig["SessionBackend"], InitPlugin):
    """Litestar's sessions in tokens: a plugin, or a session configuration with a `middleware`.

    As a plugin it adds its middleware. Pass it to SessionAuth as ``session_backend_config``, and
    to the test client as ``session_config``. Handlers can return ``request.session`` as JSON.

    Args:
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: Short for ``cookie=Cookie(name=...)``.
        exclude: Patterns of paths without a session.
        exclude_opt_key: The option of handlers without a session.
        scopes: The kinds of connections with a session.
        subject: Returns the subject for a state, or None, as for SessionAuth. A state of another
            subject starts a new session. A state without a subject ends the former subject's
            session.
        options: As for `SessionManager`. The default of `convert` writes the values that Litestar's
            own sessions take, such as a UUID or a struct, as they do: as JSON reads them back.

    Raises:
        ConfigError: An argument is invalid, or the manager uses a header.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        cookie_name: str | None = None,
        exclude: str | list[str] | None = None,
        exclude_opt_key: str = "skip_session",
        scopes: Scopes | None = None,
        subject: Callable[[Mapping[str, Any]], str | int | None] | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not isinstance(keys, SessionManager) and options.get("state_type") is None:
            options.setdefault("convert", as_json)
        self.manager: SessionManager[Any] = manager_of(keys, options, cookie_name=cookie_name)
        cookie = self.manager.cookie
        if not isinstance(cookie, Cookie):
            raise ConfigError("Litestar's sessions need a cookie: pass a Cookie, not a Header")
        if subject is not None and not callable(subject):
            raise ConfigError(f"subject must be a function, not {type(subject).__name__}")
        self._backend_class = SessionBackend
        self.subject = subject
        self.exclude = exclude
        self.exclude_opt_key = exclude_opt_key
        if scopes is not None:
            self.scopes = scopes
        # The attributes that Litestar and its OpenAPI documents need.
        self.key: str = cookie.name
        self.max_age: int = self.manager.codec.new().ttl
        self.path: str = cookie.path
        self.domain: str | None = cookie.domain
        self.secure: bool = not cookie.http_development
        self.httponly: bool = True
        self.samesite: Literal["lax", "strict", "none"] = cast(
            "Literal['lax', 'strict', 'none']", cookie.same_site.lower()
        )

    @property
    def middleware(self) -> DefineMiddleware:
        """The middleware for ``middleware=[...]``."""
        return DefineMiddleware(SessionMiddleware, backend=SessionBackend(self))

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the middleware to an application."""
        app_config.middleware.insert(0, self.middleware)
        return app_config


def as_json(value: Any) -> Any:
    """Return a value as Litestar's own sessions read it back, which write it as JSON.

    Args:
        value: A value that a token cannot hold, or a key of a map that is not text.
    """
    dump = getattr(value, "model_dump", None)  # a pydantic model has it
    if callable(dump):
        return dump(mode="json")
    if value is None or (isinstance(value, int | float) and abs(value) <= _MAX_INT):
        return encode_json(value).decode()  # a key, because as a value it is written unchanged
    if isinstance(value, int | float):
        return value  # NaN, or an integer that is too large: refused
    return decode_json(encode_json(value, default_serializer))


class SessionBackend(BaseSessionBackend[SessionConfig]):
    """Reads and writes sessions for Litestar's test client.

    Args:
        config: The configuration.
    """

    def get_session_id(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:  # noqa: ARG002
        """Return None, because the token contains the session."""
        return None

    async def load_from_connection(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> dict[str, Any]:
        """Return the state of a connection's session."""
        return (await self._opened(connection)).copy()

    async def store_in_message(
        self,
        scope_session: Any,
        message: Message,
        connection: ASGIConnection[Any, Any, Any, Any],
    ) -> None:
        """Write a state into a response's headers.

        Raises:
            TokenSessionError: As for `SessionManager.save`.
        """
        session = await self._opened(connection)
        if isinstance(scope_session, Mapping):
            session.state = dict(scope_session)
        else:
            session.clear()
        headers: list[tuple[bytes, bytes]] = []
        await run_beside(self.config.manager.saving(session, headers))
        cast("dict[str, Any]", message).setdefault("headers", []).extend(headers)

    async def _opened(self, connection: ASGIConnection[Any, Any, Any, Any]) -> RequestSession[Any]:
        manager = self.config.manager
        # The test client has parsed cookies, but no Cookie header.
        token = connection.cookies.get(self.config.key, "")
        headers = [(b"cookie", f"{self.config.key}={token}".encode())] if token else []
        session = manager.open(headers)
        if manager.can_wait(session):
            await run_beside(manager.opening(session))
        return session


class SessionMiddleware(LitestarMiddleware[SessionBackend]):
    """Litestar's session middleware, which delegates to `tokensession.adapters.asgi`.

    Args:
        app: The application.
        backend: The backend with the manager.
    """

    def __init__(self, app: ASGIApp, backend: SessionBackend) -> None:
        super().__init__(app, backend)
        inner: Any = app if backend.config.subject is None else self._signing_in
        self._served = asgi.SessionMiddleware(inner, backend.config.manager)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        await self._served(cast("Any", scope), cast("Any", receive), cast("Any", send))

    async def _signing_in(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request whose subject depends on the state of its session."""
        session: RequestSession[Any] = scope["session"]

        async def sending(message: Any) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                take_over(scope, "session", session)
                if session.opened and not session.closed:
                    _follow(session, self.backend.config.subject)
            await send(message)

        await self.app(scope, receive, sending)


def _follow(session: RequestSession[Any], subject_of: Any) -> None:
    """Sign the state's subject in or out, and keep the state."""
    subject = subject_of(session) if session else None
    if isinstance(subject, UUID):  # the state holds it until it is written
        subject = str(subject)
    if subject == session.subject:
        return
    kept = session.state
    if subject is None:
        session.clear()
    else:
        session.sign_in(subject)
    session.state = kept
