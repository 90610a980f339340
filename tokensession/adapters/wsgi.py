"""Sessions for any WSGI application: Bottle, Falcon, Pyramid and bare WSGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.wsgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.follow("session-keys.json"))

The session is ``environ["tokensession.session"]``; ``session_of(request)`` returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.web.caching import add_vary
from tokensession.web.manager import FAILED
from tokensession.web.options import check_key, manager_of
from tokensession.web.plain_http import EVIDENCE
from tokensession.web.request_session import RequestSession
from tokensession.web.unavailable import refusal, unavailable

if TYPE_CHECKING:
    from typing import Unpack

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_KEY: Final = "tokensession.session"


class RequestHeaders:
    """The raw request headers of an environ that can carry a session, read lazily.

    Servers decode them as Latin-1 (PEP 3333) and join repeated headers with commas. So the session
    in several Cookie headers (which no browser sends) is not found.
    """

    __slots__ = ("_names", "environ")

    def __init__(self, environ: Mapping[str, Any], name: bytes) -> None:
        self.environ: Mapping[str, Any] = environ
        self._names = _names_with(name)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield names in lower case, with their values."""
        environ = self.environ
        for name, key in self._names:
            if key in environ:
                # A server that violates PEP 3333 can pass text that no token contains.
                yield name, environ[key].encode("latin-1", "replace")


@lru_cache
def _names_with(name: bytes) -> tuple[tuple[bytes, str], ...]:
    """Return the existing headers, with their keys in the environ."""
    names = {b"cookie", name.lower(), *EVIDENCE}
    return tuple((n, "HTTP_" + n.decode("ascii").replace("-", "_").upper()) for n in names)


class SessionMiddleware:
    """Gives each request its session, and saves it with the response.

    The session is opened lazily. A request that does not use it costs almost nothing. The session
    can be changed until the application calls ``start_response``. Later changes raise a
    ConfigError. If a store fails, the answer is 503.

    Args:
        app: The application.
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: The cookie's name, by default ``__Host-session``. The context of its tokens is
            the name without its prefix.
        environ_key: The key of the session in the environ, for several in one application.
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
        environ_key: str = _KEY,
        **options: Unpack[Options],
    ) -> None:
        self.app = app
        self._manager = manager_of(keys, options, cookie_name=cookie_name)
        check_key("environ_key", environ_key)
        self.environ_key = environ_key

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        manager = self._manager
        headers = RequestHeaders(environ, manager.vary)
        session = manager.open(headers, scheme=environ.get("wsgi.url_scheme"))
        environ[self.environ_key] = session
        exchange = _Exchange(manager, session, environ, start_response)
        try:
            body = self.app(environ, exchange.start)
        except StoreError as error:
            if not exchange.begun:
                exchange.refuse(unavailable(manager, error))
            if not exchange.replaced:
                raise
            return exchange.whole
        except BaseException:
            exchange.fail()
            raise
        exchange.chunks = body
        if exchange.begun and not exchange.replaced:
            file_wrapper = environ.get("wsgi.file_wrapper")
            if isinstance(body, list | tuple):
                manager.complete(session)  # the body is complete
            elif isinstance(file_wrapper, type) and isinstance(body, file_wrapper):
                manager.complete(session)  # a file, which the server sends itself
                return body
        return exchange


class HasEnviron(Protocol):
    """A framework's request with a WSGI environ."""

    @property
    def environ(self) -> Any:
        """The WSGI environ."""
        ...


def session_of(request: HasEnviron | Mapping[str, Any], key: str = _KEY) -> RequestSession[Any]:
    """Return the session of a request.

    Args:
        request: The request, or the WSGI environ.
        key: The `environ_key` of the middleware.

    Raises:
        ConfigError: No middleware of this library wraps the application.
    """
    environ: Any = getattr(request, "environ", request)
    if not isinstance(session := environ.get(key), RequestSession):
        raise ConfigError(
            f"environ[{key!r}] has no session of tokensession: wrap the application in "
            "tokensession.adapters.wsgi.SessionMiddleware"
        )
    return session


class _Exchange:
    """One request until its response is complete, and the body of that response.

    The end of the body checks for late changes.
    """

    def __init__(
        self,
        manager: SessionManager[Any],
        session: RequestSession[Any],
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        self._manager = manager
        self._session = session
        self._method: str | None = environ.get("REQUEST_METHOD")
        self._start_response = start_response
        self.whole: list[bytes] = []
        self.begun = False  # whether a response has
        self.replaced = False  # by an answer of ours
        self.chunks: Iterable[bytes] = ()

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Begin the application's response, with the session's headers."""
        manager, session = self._manager, self._session
        if self.replaced:
            return _write_nothing
        fields = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers]
        if not self.begun or session.opened:  # again for an error page in place of a response
            failed = FAILED if not self.begun and status.startswith(str(FAILED)) else 200
            try:
                manager.save(session, fields, status=failed, method=self._method)
            except TokenSessionError as error:
                answer = refusal(manager, error, fields)
                if answer is None or self.begun:
                    raise
                return self.refuse(answer)
            self.begun = True
        lines = _text(fields)
        session._late = lambda: _add_vary_late(lines, manager)
        return self._start_response(status, lines, *((exc_info,) if exc_info else ()))

    def refuse(self, answer: Refusal) -> Callable[[bytes], object]:
        """Send a response in place of the application's."""
        self.begun = self.replaced = True
        self._manager.complete(self._session)
        self.whole = [] if self._method == "HEAD" else [answer.body]
        self._start_response(f"{answer.status} {answer.body.decode()}", _text(answer.headers))
        return _write_nothing

    def fail(self) -> None:
        """Refuse changes after an error, because an outer layer answers it and cannot save them."""
        self._manager.complete(self._session)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks; an application can begin its response with the first one."""
        try:
            for chunk in self.chunks:
                if self.replaced:
                    break
                yield chunk
        except StoreError as error:
            if not self.begun:
                self.refuse(unavailable(self._manager, error))
            if not self.replaced:
                raise
        except BaseException:
            self.fail()
            raise
        if self.begun:
            self._manager.complete(self._session)
        if self.replaced:
            yield from self.whole

    def close(self) -> None:
        """Release the application's resources; the server calls this after sending."""
        self._manager.complete(self._session)
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()
        if not self.replaced:
            self._manager.check_unchanged(self._session)


def _add_vary_late(lines: list[tuple[str, str]], manager: SessionManager[Any]) -> None:
    """Make a passed-on response vary, for middlewares that send this same list."""
    fields = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in lines]
    add_vary(fields, manager.vary)
    lines[:] = _text(fields)


def _text(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), text.decode("latin-1")) for name, text in headers]


def _write_nothing(data: bytes) -> None:
    """Discard the application's data for a response that was replaced."""
