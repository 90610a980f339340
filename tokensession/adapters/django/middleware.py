"""Django's session middleware, reading the raw cookie and writing what the manager says."""

from __future__ import annotations

from functools import partial
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any

from django.contrib.sessions import middleware
from django.http import HttpResponse

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.store import SessionStore, UnopenedSessionOfRequest
from tokensession.adapters.wsgi import RequestHeaders
from tokensession.errors import StoreError
from tokensession.web.cookies import add_vary
from tokensession.web.manager import FAILED
from tokensession.web.unavailable import (
    BODY,
    CARRIES_COOKIE,
    UNAVAILABLE,
    check_fresh,
    unavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
    from http.cookies import SimpleCookie

    from tokensession.web.cookies import Headers


class SessionMiddleware(middleware.SessionMiddleware):  # type: ignore[misc]  # Django has no types
    """Gives each request its session, and each response what the session needs.

    The session is opened on first access, and can be changed until the middleware returns the
    response; later changes raise a ConfigError. As with Django's own, what was changed before an
    error that nobody has foreseen (status 500) is not kept.
    """

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._manager = configured_manager()
        self._until_closed = self._manager.until_closed()

    def process_request(self, request: Any) -> None:
        """Give the request its session."""
        scope = getattr(request, "scope", None)  # of ASGI
        if scope is None:
            headers = RequestHeaders(request.META, self._manager.cookie.vary)
        else:
            headers = scope["headers"]
        session = request.session = UnopenedSessionOfRequest(self._manager, headers)
        if scope is not None and self._manager.look_ahead(session):
            # Django calls this in a thread, and an asynchronous view in the event loop.
            self._manager.prepare(session)

    def process_exception(self, request: Any, exception: Exception) -> Any:
        """Answer 503 where the store of revocations failed in a view."""
        if not isinstance(exception, StoreError):
            return None
        request.session.close(readable=True)  # what was changed before an error is not kept
        return _refusal(unavailable(self._manager, exception, ()))

    def process_response(self, request: Any, response: Any) -> Any:
        """Write what the response must say; see `SessionManager.save`."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return response
        check_fresh(response)
        merged = ("Vary", "Cache-Control")
        fields = [
            (n.lower().encode(), response[n].encode("latin-1")) for n in merged if n in response
        ]
        if response.status_code == FAILED and session.unknown is not None:
            return self._refused(response, session.unknown, fields)
        if response.status_code == FAILED or session.closed:
            session.close(readable=True)
            if session.opened:
                add_vary(fields, self._manager.cookie.vary)
        else:
            until_closed = session.opened and session.get_expire_at_browser_close()
            manager = self._until_closed if until_closed else self._manager
            try:
                manager.save(session, fields)
            except StoreError as error:
                return self._refused(response, error, fields)
            if any(name == b"set-cookie" for name, _ in fields):
                # Django's own cache for whole sites, which is around this middleware, knows nothing
                # of no-store in its older versions, and would give the cookie to others.
                request._cache_update_cache = False  # noqa: SLF001  # asked by that cache alone
                setattr(response, CARRIES_COOKIE, True)
        if session.opened:
            _write(response, fields)
            if response.streaming:
                check = partial(self._manager.check_unchanged, session)
                wrap = _checked_async if response.is_async else _checked
                response.streaming_content = wrap(response.streaming_content, check)
        return response

    def _refused(self, response: Any, error: StoreError, fields: Headers) -> Any:
        """Return a 503 in place of a response, which is released with it."""
        answer = _refusal(unavailable(self._manager, error, fields), response.cookies)
        answer._resource_closers.extend(response._resource_closers)  # noqa: SLF001  # or it stays
        return answer


def _refusal(headers: Headers, cookies: SimpleCookie | None = None) -> Any:
    answer = HttpResponse(BODY, status=UNAVAILABLE)
    if cookies is not None:
        answer.cookies = cookies
    _write(answer, headers)
    return answer


def _write(response: Any, headers: Headers) -> None:
    """Write headers into a response, where Django keeps its cookies by themselves."""
    written: set[str] = set()
    for field, value in headers:
        if field == b"set-cookie":
            line = value.decode("ascii")
            cookie = _Written(line)
            # Of one name there can be several, as of old cookies with another domain or path. All
            # are sent, whatever they are kept by.
            response.cookies[line if cookie.key in written else cookie.key] = cookie
            written.add(cookie.key)
        else:
            response[field.decode("ascii").title()] = value.decode("latin-1")


class _Written(Morsel[str]):
    """A cookie that is sent as it was written, and whose attributes tests can look at."""

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
        """Let caches and tests keep a response with it, and read that again."""
        return _Written, (self._line,)

    def OutputString(self, attrs: Any = None) -> str:  # noqa: ARG002, N802  # as the base
        """Return the line."""
        return self._line


def _checked(chunks: Iterable[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """Give a body as it comes, and see at its end whether a change came too late."""
    yield from chunks
    check()


async def _checked_async(
    chunks: AsyncIterable[bytes], check: Callable[[], None]
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    check()
