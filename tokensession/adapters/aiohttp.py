"""Sessions for aiohttp's server, as aiohttp-session's users know them.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.aiohttp import get_session, setup
>>> setup(app, KeyRing.open("session-keys.json"))

A handler asks for its session by ``session = await get_session(request)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

try:
    from aiohttp import web
except ImportError as missing:
    raise ImportError(
        "tokensession.adapters.aiohttp needs aiohttp: pip install 'tokensession[aiohttp]'"
    ) from missing

from tokensession.errors import ConfigError
from tokensession.manager import SessionManager, manager_of
from tokensession.request import RequestSession

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from tokensession.keys import KeyRing
    from tokensession.keystores.watcher import KeyRingWatcher
    from tokensession.policy import Policy

# Where the session stands in a request; another for each further session of one application.
SESSION: Final = web.RequestKey("tokensession", RequestSession[Any])

_MERGED: Final = ("Vary", "Cache-Control")


def setup(
    app: web.Application,
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    *,
    policy: Policy | None = None,
    cookie_name: str = "__Host-session",
    key: web.RequestKey[RequestSession[Any]] = SESSION,
) -> None:
    """Give each request of an application its session, and each response what it needs.

    The session is opened on first access, and can be changed until the response is prepared (for
    a WebSocket: until its handshake is answered); later changes raise a ConfigError.

    Args:
        app: The application; its sub-applications are served too.
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context of its tokens.
        key: Where the session stands in the request, for several sessions in one application.

    Raises:
        ConfigError: Wrong arguments.
    """
    manager = manager_of(keys, policy=policy, cookie_name=cookie_name)

    def save(request: web.BaseRequest, response: web.StreamResponse) -> None:
        session = request.get(key)
        if session is not None and not session.closed:
            handshake = isinstance(response, web.WebSocketResponse)
            try:
                _save(manager, session, response, varies=not handshake)
            finally:
                session.close(readable=handshake)

    async def prepared(request: web.BaseRequest, response: web.StreamResponse) -> None:
        save(request, response)

    @web.middleware
    async def sessions(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        session = request[key] = manager.open(headers)
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            save(request, answer)
            raise
        except BaseException:
            session.close(readable=False)  # what was changed before an error is not kept
            raise
        # Here rather than when it is prepared: by then aiohttp answers no error any more.
        save(request, response)
        if response.prepared:
            manager.check_unchanged(session)
        return response

    app.middlewares.append(sessions)
    app.on_response_prepare.append(prepared)


async def get_session(
    request: web.BaseRequest, key: web.RequestKey[RequestSession[Any]] = SESSION
) -> RequestSession[Any]:
    """Return the session of a request.

    Raises:
        ConfigError: An application without `setup`.
    """
    session: RequestSession[Any] | None = request.get(key)
    if session is None:
        raise ConfigError(
            "this application has no sessions: call tokensession.adapters.aiohttp.setup(app, keys)"
        )
    return session


async def new_session(
    request: web.BaseRequest, key: web.RequestKey[RequestSession[Any]] = SESSION
) -> RequestSession[Any]:
    """Return the session of a request, cleared: a new one, of nobody.

    Raises:
        ConfigError: An application without `setup`.
    """
    session = await get_session(request, key)
    session.clear()
    return session


def _save(
    manager: SessionManager[Any],
    session: RequestSession[Any],
    response: web.StreamResponse,
    *,
    varies: bool,
) -> None:
    headers = response.headers
    fields = [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name in _MERGED
        for value in headers.getall(name, ())
    ]
    manager.save(session, fields, varies=varies)
    if session.opened:
        for name in _MERGED:
            headers.popall(name, None)
        for field, value in fields:
            headers.add(field.decode(), value.decode("utf-8", "surrogateescape"))
