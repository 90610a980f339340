"""Sessions for any WSGI application: Bottle, Falcon, Pyramid and bare WSGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.wsgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.open("session-keys.json"))

The session is ``environ["tokensession.session"]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokensession.cookies import add_vary
from tokensession.manager import SessionManager, manager_of

if TYPE_CHECKING:
    from tokensession.keys import KeyRing
    from tokensession.keystores.watcher import KeyRingWatcher
    from tokensession.policy import Policy
    from tokensession.request import RequestSession

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class RequestHeaders:
    """The raw request headers of an environ, made when they are asked for.

    Servers hand them over decoded as Latin-1 (PEP 3333). Several lines of one name come joined by
    commas, so that of several Cookie headers (which no browser sends) the session is not found.
    """

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give names in lower case, with their values."""
        for key, value in self._environ.items():
            if key.startswith("HTTP_"):
                name = key[5:].replace("_", "-").lower()
                # A server that breaks the rule shows text that is in no token.
                yield name.encode("latin-1", "replace"), value.encode("latin-1", "replace")


class SessionMiddleware:
    """Gives each request its session, and each response what the session needs.

    The session is opened on first access; a request that never touches it costs next to nothing.
    It can be changed until the application calls ``start_response``; later changes raise a
    ConfigError.

    Args:
        app: The application.
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context of its tokens.
        environ_key: Where the session stands in the environ, for several in one application.

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
        environ_key: str = "tokensession.session",
    ) -> None:
        self.app = app
        self._manager = manager_of(keys, policy=policy, cookie_name=cookie_name)
        self._environ_key = environ_key

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        manager = self._manager
        session = manager.open(RequestHeaders(environ))
        environ[self._environ_key] = session
        begun = False

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal begun
            fields = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers]
            if not begun:
                begun = True
                manager.save(session, fields)
            elif session.opened:  # an error page in place of a response that had been prepared
                add_vary(fields, manager.cookie.vary)
            headers = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in fields]
            return start_response(status, headers, *((exc_info,) if exc_info else ()))

        body = self.app(environ, start)
        if begun and not session.opened:
            return body  # it cannot be changed any more: servers may send files their own way
        return _Body(body, manager, session)


class _Body:
    """A response's body, at whose end it is seen whether a change came too late."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        manager: SessionManager[Any],
        session: RequestSession[Any],
    ) -> None:
        self._chunks = chunks
        self._manager = manager
        self._session = session

    def __iter__(self) -> Iterator[bytes]:
        """Give the chunks as they come."""
        return iter(self._chunks)

    def close(self) -> None:
        """Release what the application holds; the server calls this when all has been sent."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        self._manager.check_unchanged(self._session)
