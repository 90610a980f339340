"""Django's session middleware: it reads the raw cookie and writes the manager's headers."""

from __future__ import annotations

from functools import partial
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.sessions import middleware
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.session import RUNNING, DjangoSession, SessionOfRequest
from tokensession.adapters.unmarked import save
from tokensession.adapters.wsgi import RequestHeaders
from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.sessions.steps import run
from tokensession.web.caching import add_vary, merged
from tokensession.web.change import is_signed_out
from tokensession.web.manager import until_closed
from tokensession.web.unavailable import claim, mark, refusal, release, unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from http.cookies import SimpleCookie

    from django.http import HttpRequest

    from tokensession.web.cookies import Headers
    from tokensession.web.unavailable import Refusal


DJANGOS: Final = "django.contrib.sessions.middleware.SessionMiddleware"
_TEST_SERVER: Final = "testserver"  # the host of Django's test client, which keeps Secure cookies
_FAILED: Final = 500  # from this status on, Django saves nothing


class SessionMiddleware(middleware.SessionMiddleware):  # type: ignore[misc]  # Django has no types
    """Gives each request its session, and saves it with the response.

    The session is opened lazily. It can be changed until the middleware returns the response. Later
    changes raise a ConfigError. As in Django, a response with status 500 or more saves only what
    ``session.save()`` has saved before, but a sign-out is still done.
    """

    def __init__(self, get_response: Any) -> None:
        if DJANGOS in settings.MIDDLEWARE:
            raise ConfigError(
                f"MIDDLEWARE has {DJANGOS} too, which would replace the session or its cookie: "
                "remove it"
            )
        super().__init__(get_response)
        self._manager = configured_manager()
        self._until_closed = until_closed(self._manager)

    def process_request(self, request: Any) -> None:
        """Give the request its session."""
        manager = self._manager
        scope = getattr(request, "scope", None)  # only in ASGI
        headers = RequestHeaders(request.META, manager.vary) if scope is None else scope["headers"]
        session = request.session = SessionOfRequest(manager, headers)
        request._session_of_request = session  # a view can replace `request.session`
        RUNNING.set(session)
        if scope is not None and manager.can_wait(session):
            # Django calls this in a thread, but an asynchronous view in the event loop.
            run(manager.opening(session))

    def process_exception(self, request: Any, exception: Exception) -> Any:
        """Answer 503 if a store failed in a view."""
        if not isinstance(exception, StoreError):
            return None
        self._manager.complete(request.session)  # what was changed before an error is not kept
        return _answer(unavailable(self._manager, exception))

    def process_response(self, request: Any, response: Any) -> Any:
        """Write the session into the response; see `SessionManager.save`."""
        session = _left(request)
        # `isinstance` would also ask `__class__`, which SessionOfRequest reads from the settings.
        if DjangoSession not in type(session).__mro__:
            return response
        manager = self._manager
        claim(response, session)
        session._late = lambda: patch_vary_headers(response, [manager.vary.decode("ascii")])
        if session._is_unused and not response.streaming:
            manager.complete(session)
            return response
        if request.META.get("SERVER_NAME") != _TEST_SERVER:
            session._scheme = request.scheme
        return self._saved(request, response, session)

    def _saved(self, request: Any, response: Any, session: DjangoSession) -> Any:
        """Return the response with the session in it, or one that replaces it."""
        manager = self._manager
        fields = merged(response.headers.items())
        former = {name for name, _ in fields}
        failed = response.status_code >= _FAILED and session._unknown is None
        if failed and _has_signed_out(session):
            session.clear()  # keep the sign-out, and drop later changes
            failed = False
        elif failed:
            failed = not session.restore_saved()
        if failed or session.closed:
            if session.opened:
                add_vary(fields, manager.vary)
            release(response, session)
        else:
            if session.opened and session.get_expire_at_browser_close():
                manager = self._until_closed
            try:
                session.end_if_over()
                save(manager, session, fields, status=response.status_code, method=request.method)
            except TokenSessionError as error:
                release(response, session)
                answer = refusal(manager, error, fields)
                if answer is None:
                    raise
                manager.complete(session)
                return self._replaced(response, answer)
            self._mark(request, response, session, fields)
        if session.opened:
            _write(response, former, fields)
        manager.complete(session)  # an outer middleware can read it before the head is sent
        if response.streaming and not failed:
            wrap = self._watched_async if response.is_async else self._watched
            response.streaming_content = wrap(response.streaming_content, session)
            response._resource_closers.append(partial(manager.complete, session))
        return response

    @staticmethod
    def _mark(request: Any, response: Any, session: DjangoSession, fields: Headers) -> None:
        if any(name == b"set-cookie" for name, _ in fields):
            # Older versions of Django's per-site cache ignore no-store, and would give the cookie
            # to others. That cache wraps this middleware.
            request._cache_update_cache = False
            mark(response, session)
        else:
            release(response, session)

    def _watched(self, chunks: Iterable[bytes], session: DjangoSession) -> Iterator[bytes]:
        """Yield a body's chunks, and check for late changes at its end."""
        self._manager.begin_body(session)
        yield from chunks
        self._manager.complete(session)
        self._manager.check_unchanged(session)

    async def _watched_async(
        self, chunks: AsyncIterable[bytes], session: DjangoSession
    ) -> AsyncIterator[bytes]:
        """Yield a body's chunks, and check for late changes at its end."""
        self._manager.begin_body(session)
        async for chunk in chunks:
            yield chunk
        self._manager.complete(session)
        self._manager.check_unchanged(session)

    @staticmethod
    def _replaced(response: Any, answer: Refusal) -> Any:
        """Return a response of ours in place of another, which is released with it."""
        answered = _answer(answer, response.cookies)
        answered._resource_closers.extend(response._resource_closers)  # otherwise they stay open
        return answered


def session_of(request: HttpRequest) -> SessionOfRequest:
    """Return the session of a request; it is ``request.session``, typed.

    Raises:
        ConfigError: The middleware is not in MIDDLEWARE, or comes after the caller's.
    """
    session = getattr(request, "session", None)
    if not isinstance(session, SessionOfRequest):
        raise ConfigError(
            "this request has no session of tokensession: put "
            "tokensession.adapters.django.SessionMiddleware into MIDDLEWARE, before its users"
        )
    return session


def _left(request: Any) -> Any:
    """Return the session of a finished request, and make the outer session current again."""
    running = getattr(request, "_session_of_request", None)
    if running is not None:
        RUNNING.set(running.outer)
    return getattr(request, "session", None)


def _has_signed_out(session: DjangoSession) -> bool:
    """Tell whether a view has signed out, and the response does not carry that yet."""
    return session._value is not None and not session.closed and is_signed_out(session._value)


def _answer(refused: Refusal, cookies: SimpleCookie | None = None) -> Any:
    answer = HttpResponse(refused.body, status=refused.status)
    if cookies is not None:
        answer.cookies = cookies
    _write(answer, set(), refused.headers)
    return answer


def _write(response: Any, former: set[bytes], headers: Headers) -> None:
    """Write headers into a response, in place of former ones; Django stores cookies separately."""
    for name in former:
        del response.headers[name.decode()]
    written: set[str] = set()
    for field, value in headers:
        if field == b"set-cookie":
            line = value.decode("ascii")
            cookie = _Written(line)
            # There can be several cookies of one name, for example old ones with another domain or
            # path. All are sent, regardless of their keys here.
            response.cookies[line if cookie.key in written else cookie.key] = cookie
            written.add(cookie.key)
        else:
            response[field.decode("ascii").title()] = value.decode("latin-1")


class _Written(Morsel[str]):
    """A cookie that is sent as it was written, with attributes that tests can read."""

    def __init__(self, line: str) -> None:
        super().__init__()
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        self.set(name, value, value)
        for attribute in attributes:
            key, _, text = attribute.partition("=")
            if self.isReservedKey(key):
                self[key] = text or True
        self._line = line

    def __reduce__(self) -> tuple[type[_Written], tuple[str]]:
        """Let caches and tests pickle a response with it."""
        return _Written, (self._line,)

    def OutputString(self, attrs: Any = None) -> str:  # noqa: ARG002, N802  # as the base
        """Return the header line."""
        return self._line
