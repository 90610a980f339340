"""Sessions for aiohttp's server, as aiohttp-session's users know them.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.aiohttp import get_session, setup
>>> setup(app, KeyRing.open("session-keys.json"))

A handler asks for its session by ``session = await get_session(request)``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

try:
    from aiohttp import web
except ImportError as _missing:
    raise ImportError(
        "tokensession.adapters.aiohttp needs aiohttp: pip install 'tokensession[aiohttp]'"
    ) from _missing

from tokensession.errors import ConfigError, StoreError
from tokensession.web.cookies import add_vary, forbid_storing
from tokensession.web.manager import SessionManager, manager_of
from tokensession.web.request_session import RequestSession
from tokensession.web.unavailable import BODY, in_thread, unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp.typedefs import Handler

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.web.cookies import Headers

# Where the session stands in a request; another for each further session of one application.
SESSION: Final = web.RequestKey("tokensession", RequestSession[Any])

_MERGED: Final = ("Vary", "Cache-Control")
# Each session's response, with what that says of it; None for nothing.
_SavedWith = WeakKeyDictionary[RequestSession[Any], "tuple[web.StreamResponse, Headers | None]"]


def setup(
    app: web.Application,
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    *,
    policy: Policy | None = None,
    cookie_name: str = "__Host-session",
    key: web.RequestKey[RequestSession[Any]] = SESSION,
    revocation: Store | Check | None = None,
) -> None:
    """Give each request of an application its session, and each response what it needs.

    The session is opened on first access, and can be changed until the response is prepared (for
    a WebSocket: until its handshake is answered); later changes raise a ConfigError.

    Args:
        app: The application; its sub-applications are served too, without a setup of their own.
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; the OWASP profile when None.
        cookie_name: The cookie; its name without prefix is the context of its tokens.
        key: Where the session stands in the request, for several sessions in one application.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final. A store is asked in a thread; where it cannot be asked the answer is 503.

    Raises:
        ConfigError: Wrong arguments.
    """
    manager = manager_of(keys, policy=policy, cookie_name=cookie_name, revocation=revocation)
    saved: _SavedWith = WeakKeyDictionary()

    async def save(request: web.BaseRequest, response: web.StreamResponse) -> None:
        session = request.get(key)
        if session is None or session.closed:
            _carry_over(manager, session, saved, response)
            return
        handshake = isinstance(response, web.WebSocketResponse)
        try:
            saved[session] = await _save(manager, session, response, varies=not handshake)
        finally:
            session.close(readable=handshake)

    @web.middleware
    async def sessions(request: web.Request, handler: Handler) -> web.StreamResponse:
        if key in request:
            raise ConfigError(
                "this request has a session already, whose changes would be lost: set sessions up "
                "once, for the outermost application, or give setup another key"
            )
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        session = request[key] = manager.open(headers)
        if manager.look_ahead(session):
            await in_thread(lambda: manager.prepare(session))
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            await save(request, answer)
            raise
        except BaseException as error:
            begun = session.closed
            session.close(readable=False)  # what was changed before an error is not kept
            if begun or not isinstance(error, StoreError):
                raise
            raise _refusal(manager, error) from error
        # Here rather than when it is prepared: by then aiohttp answers no error any more.
        await save(request, response)
        if response.prepared:
            manager.check_unchanged(session)
        return response

    app.middlewares.append(sessions)
    app.on_response_prepare.append(save)


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


async def _save(
    manager: SessionManager[Any],
    session: RequestSession[Any],
    response: web.StreamResponse,
    *,
    varies: bool,
) -> tuple[web.StreamResponse, Headers | None]:
    headers, fields = response.headers, _merged(response)
    save = partial(manager.save, session, fields, status=response.status, varies=varies)
    try:
        if manager.saving_blocks(session):
            await in_thread(save)
        else:
            save()
    except StoreError as error:
        answer = _refusal(manager, error, _cookies(response) + fields)
        if response.prepared:  # a stream's writer has been set up already, and is not set back
            if response.compression:
                answer.headers["Content-Encoding"] = headers["Content-Encoding"]
            if "Transfer-Encoding" in headers:
                answer.enable_chunked_encoding()
        raise answer from error
    if not session.opened:
        return response, None
    _write(response, fields)
    return response, fields


def _carry_over(
    manager: SessionManager[Any],
    session: RequestSession[Any] | None,
    saved: _SavedWith,
    response: web.StreamResponse,
) -> None:
    """Let a response say of the session what one said that it takes the place of.

    A middleware around ours may answer by a response of its own.
    """
    former, said = (None, None) if session is None else saved.get(session, (None, None))
    if said is None or former is response:
        return
    fields = _merged(response)
    add_vary(fields, manager.cookie.vary)
    own = [(name, value) for name, value in said if name not in (b"vary", b"cache-control")]
    if own:
        fields += own
        forbid_storing(fields)
    _write(response, fields)


def _merged(response: web.StreamResponse) -> Headers:
    """Return those headers of a response that are merged with ours."""
    return [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name in _MERGED
        for value in response.headers.getall(name, ())
    ]


def _write(response: web.StreamResponse, fields: Headers) -> None:
    for name in _MERGED:
        response.headers.popall(name, None)
    for field, value in fields:
        response.headers.add(field.decode(), value.decode("utf-8", "surrogateescape"))


def _cookies(response: web.StreamResponse) -> Headers:
    """Return the response's cookies as headers, which aiohttp makes of them when it prepares it."""
    lines = list(response.headers.getall("Set-Cookie", ()))
    if not response.prepared:
        lines += [cookie.OutputString() for cookie in response.cookies.values()]
    return [(b"set-cookie", line.encode()) for line in lines]


def _refusal(
    manager: SessionManager[Any], error: StoreError, headers: Sequence[tuple[bytes, bytes]] = ()
) -> web.HTTPServiceUnavailable:
    """Return the answer 503; of the response's headers it has those that a 503 keeps."""
    answer = web.HTTPServiceUnavailable(text=BODY.decode())
    for name, value in unavailable(manager, error, headers):
        if name not in (b"content-type", b"content-length"):  # of the text
            answer.headers.add(name.decode(), value.decode("utf-8", "surrogateescape"))
    return answer
