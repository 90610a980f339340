"""Sessions for any WSGI application: Bottle, Falcon, Pyramid and bare WSGI.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.wsgi import SessionMiddleware
>>> app = SessionMiddleware(app, KeyRing.open("session-keys.json"))

The session is ``environ["tokensession.session"]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokensession.errors import StoreError
from tokensession.web.cookies import add_vary
from tokensession.web.manager import FAILED, SessionManager, manager_of
from tokensession.web.unavailable import BODY, UNAVAILABLE, unavailable

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class RequestHeaders:
    """The raw request headers of an environ that a session can be in, made when they are asked for.

    Servers hand them over decoded as Latin-1 (PEP 3333). Several lines of one name come joined by
    commas, so that of several Cookie headers (which no browser sends) the session is not found.
    """

    __slots__ = ("_environ", "_names")

    def __init__(self, environ: Mapping[str, Any], name: bytes) -> None:
        self._environ = environ
        self._names = {b"cookie", name.lower()}

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give names in lower case, with their values."""
        for name in self._names:
            key = "HTTP_" + name.decode("ascii").replace("-", "_").upper()
            if key in self._environ:
                # A server that breaks the rule shows text that is in no token.
                yield name, self._environ[key].encode("latin-1", "replace")


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
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final. Where it cannot be asked the answer is 503.

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
        revocation: Store | Check | None = None,
    ) -> None:
        self.app = app
        self._manager = manager_of(
            keys, policy=policy, cookie_name=cookie_name, revocation=revocation
        )
        self._environ_key = environ_key

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        session = self._manager.open(RequestHeaders(environ, self._manager.cookie.vary))
        environ[self._environ_key] = session
        has_body = environ.get("REQUEST_METHOD") != "HEAD"
        exchange = _Exchange(self._manager, session, start_response, has_body=has_body)
        try:
            body = self.app(environ, exchange.start)
        except StoreError as error:
            if not exchange.begun:
                exchange.refuse(error, [])
            if not exchange.replaced:
                raise
            return exchange.whole
        except BaseException:
            exchange.fail()
            raise
        if exchange.begun and not exchange.replaced and not session.opened:
            return body  # it cannot be changed any more: servers may send files their own way
        exchange.chunks = body
        return exchange


class _Exchange:
    """One request on its way to its response, and the body of that.

    At the body's end it is seen whether a change came too late.
    """

    def __init__(
        self,
        manager: SessionManager[Any],
        session: RequestSession[Any],
        start_response: StartResponse,
        *,
        has_body: bool,
    ) -> None:
        self._manager = manager
        self._session = session
        self._start_response = start_response
        self.whole = [BODY] if has_body else []
        self.begun = False  # whether a response has
        self.replaced = False  # by a 503
        self.chunks: Iterable[bytes] = ()

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Begin the response as the application says, with what the session needs."""
        manager, session = self._manager, self._session
        if self.replaced:
            return _write_nothing
        fields = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers]
        if not self.begun:
            try:
                manager.save(
                    session, fields, status=FAILED if status.startswith(str(FAILED)) else 200
                )
            except StoreError as error:
                return self.refuse(error, fields)
            self.begun = True
        elif session.opened:  # an error page in place of a response that had been prepared
            add_vary(fields, manager.cookie.vary)
        return self._start_response(status, _text(fields), *((exc_info,) if exc_info else ()))

    def refuse(self, error: StoreError, headers: Headers) -> Callable[[bytes], object]:
        """Answer 503; of the response's headers those stay that a 503 keeps."""
        self.begun = self.replaced = True
        headers = unavailable(self._manager, error, headers)
        self._start_response(f"{UNAVAILABLE} {BODY.decode()}", _text(headers))
        return _write_nothing

    def fail(self) -> None:
        """Refuse changes after an error, as what answers it is outside and could not carry them."""
        if not self.begun:
            self._session.close(readable=True)

    def __iter__(self) -> Iterator[bytes]:
        """Give the chunks as they come; an application may begin with the first of them."""
        try:
            for chunk in self.chunks:
                if self.replaced:
                    break
                yield chunk
        except StoreError as error:
            if not self.begun:
                self.refuse(error, [])
            if not self.replaced:
                raise
        except BaseException:
            self.fail()
            raise
        if self.replaced:
            yield from self.whole

    def close(self) -> None:
        """Release what the application holds; the server calls this when all has been sent."""
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()
        if not self.replaced:
            self._manager.check_unchanged(self._session)


def _text(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), text.decode("latin-1")) for name, text in headers]


def _write_nothing(data: bytes) -> None:
    """Take what the application writes of a response that has been replaced."""
