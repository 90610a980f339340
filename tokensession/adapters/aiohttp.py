"""Sessions for aiohttp's server, with the interface of aiohttp-session.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.aiohttp import session_of, setup
>>> setup(app, KeyRing.follow("session-keys.json"))

A handler gets its session with ``session_of(request)``. ``await get_session(request)`` does the
same, for users of aiohttp-session.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from tokensession.errors import how_to_install

try:
    from aiohttp import web
    from aiohttp.payload import AsyncIterablePayload
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.aiohttp needs aiohttp: {how_to_install('aiohttp')}"
    ) from _missing

from tokensession.adapters.aiohttp_session import Session, Storage
from tokensession.adapters.unmarked import saving
from tokensession.errors import ConfigError, StoreError, TokenSessionError
from tokensession.sessions.steps import run_beside
from tokensession.web.caching import add_vary, forbid_storing, is_merged
from tokensession.web.options import check_apart, manager_of
from tokensession.web.unavailable import refusal, unavailable

if TYPE_CHECKING:
    from typing import Unpack

    from aiohttp.typedefs import Handler

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

# Packages for aiohttp-session read and renew the session under these names, by its functions.
_AIOHTTP_SESSION: Final = "aiohttp_session"
_STORAGE: Final = "aiohttp_session_storage"
# The request key of the session; further sessions of one application need other keys.
SESSION: Final = web.RequestKey("tokensession", Session)

# For each session, its response and the session's headers in it, or None.
_SavedWith = WeakKeyDictionary[Session, "tuple[web.StreamResponse, Headers | None]"]


# The managers of each application.
_managers: WeakKeyDictionary[web.Application, list[SessionManager[Any]]] = WeakKeyDictionary()


def setup(  # noqa: C901  # two hooks of aiohttp, which share these arguments
    app: web.Application,
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    *,
    cookie_name: str | None = None,
    key: web.RequestKey[Session] = SESSION,
    **options: Unpack[Options],
) -> None:
    """Give each request of an application its session, and save it with the response.

    The session is opened lazily. It can be changed until the response is prepared (for a WebSocket:
    until its handshake is answered). Later changes raise a ConfigError. Stores are called in a
    thread. If a store fails, the answer is 503.

    Args:
        app: The application. Its sub-applications need no setup of their own.
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        cookie_name: The cookie's name, by default ``__Host-session``. The context of its tokens is
            the name without its prefix.
        key: The request key of the session, for several sessions in one application.
        options: As for `SessionManager`: `policy`, `revocation`, `overflow`, `cookie`, `legacy`,
            `state_type`, `padding`, `observer`, `convert`.

    Raises:
        ConfigError: An argument is invalid.
    """
    manager = manager_of(keys, options, cookie_name=cookie_name)
    if not isinstance(key, web.RequestKey):
        raise ConfigError(
            f"key must be a RequestKey of aiohttp, not {type(key).__name__}: pass "
            'web.RequestKey("name", Session)'
        )
    others = _managers.setdefault(app, [])
    check_apart(manager, others)
    others.append(manager)
    saved: _SavedWith = WeakKeyDictionary()

    async def save(request: web.BaseRequest, response: web.StreamResponse) -> None:
        session = request.get(key)
        if session is None or session.closed:
            _carry_over(manager, session, saved, response)
            return
        try:
            saved[session] = await _save(manager, session, request, response)
        except web.HTTPException:
            manager.complete(session)
            raise

    @web.middleware
    async def sessions(request: web.Request, handler: Handler) -> web.StreamResponse:
        if key in request:
            raise ConfigError(
                "this request already has a session, whose changes would be lost: call setup once, "
                "for the outermost application, or pass another key"
            )
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        session = request[key] = Session(manager, headers, None, request.scheme)
        if key is SESSION and _AIOHTTP_SESSION in sys.modules:
            with warnings.catch_warnings(
                action="ignore"
            ):  # aiohttp warns about keys of another type
                request[_AIOHTTP_SESSION] = session
                request[_STORAGE] = Storage(session)
        if manager.can_wait(session):
            await run_beside(manager.opening(session))
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            await save(request, answer)
            raise
        except BaseException as error:
            begun = session.closed
            manager.complete(session)  # changes before an error are not saved
            if begun or not isinstance(error, StoreError):
                raise
            raise _answer(unavailable(manager, error)) from error
        # Save here, because aiohttp answers no errors once the response is prepared.
        await save(request, response)
        if response.prepared:
            manager.complete(session)
            manager.check_unchanged(session)
        return response

    app.middlewares.append(sessions)
    app.on_response_prepare.append(save)


def session_of(request: web.BaseRequest, key: web.RequestKey[Session] = SESSION) -> Session:
    """Return the session of a request.

    Args:
        request: The request.
        key: As `setup` was given it.

    Raises:
        ConfigError: `setup` was not called for the application.
    """
    session: Session | None = request.get(key)
    if session is None:
        raise ConfigError(
            "this application has no sessions: call tokensession.adapters.aiohttp.setup(app, keys)"
        )
    return session


async def get_session(request: web.BaseRequest, key: web.RequestKey[Session] = SESSION) -> Session:
    """Return the session of a request, as aiohttp-session's function does; see `session_of`.

    Raises:
        ConfigError: An application without `setup`.
    """
    return session_of(request, key)


async def new_session(request: web.BaseRequest, key: web.RequestKey[Session] = SESSION) -> Session:
    """Clear the session of a request, and return it: a new, anonymous one.

    Raises:
        ConfigError: `setup` was not called for the application.
    """
    session = session_of(request, key)
    session.clear()
    return session


async def _save(
    manager: SessionManager[Any],
    session: Session,
    request: web.BaseRequest,
    response: web.StreamResponse,
) -> tuple[web.StreamResponse, Headers | None]:
    headers, fields = response.headers, _merged(response)
    steps = saving(
        manager,
        session,
        fields,
        status=response.status,
        method=request.method,
        varies=not isinstance(response, web.WebSocketResponse),
    )
    try:
        await run_beside(steps)
    except TokenSessionError as error:
        refused = refusal(manager, error, _cookies(response) + fields)
        if refused is None:
            manager.complete(session)
            raise
        answer = _answer(refused)
        if response.prepared:  # a stream's writer was set up already and cannot be reset
            if response.compression:
                answer.headers["Content-Encoding"] = headers["Content-Encoding"]
            if "Transfer-Encoding" in headers:
                answer.enable_chunked_encoding()
        raise answer from error
    session._late = partial(_vary_late, manager, response)
    if isinstance(response, web.Response) and not isinstance(response.body, AsyncIterablePayload):
        manager.complete(session)  # the body is complete
    if not session.opened:
        return response, None
    _write(response, fields)
    return response, fields


def _vary_late(manager: SessionManager[Any], response: web.StreamResponse) -> None:
    """Make a response vary after it was passed on."""
    fields = _merged(response)
    add_vary(fields, manager.vary)
    _write(response, fields)


def _carry_over(
    manager: SessionManager[Any],
    session: Session | None,
    saved: _SavedWith,
    response: web.StreamResponse,
) -> None:
    """Copy the session's headers from a response to the one that replaces it.

    A middleware around ours can return its own response.
    """
    former, said = (None, None) if session is None else saved.get(session, (None, None))
    if said is None or former is response:
        return
    fields = _merged(response)
    add_vary(fields, manager.vary)
    own = [(name, value) for name, value in said if not is_merged(name.decode())]
    if own:
        fields += own
        forbid_storing(fields)
    _write(response, fields)


def _merged(response: web.StreamResponse) -> Headers:
    """Return those headers of a response that a session can change."""
    return [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name, value in response.headers.items()
        if is_merged(name)
    ]


def _write(response: web.StreamResponse, fields: Headers) -> None:
    for name in {name for name in response.headers if is_merged(name)}:
        response.headers.popall(name, None)
    for field, value in fields:
        response.headers.add(field.decode(), value.decode("utf-8", "surrogateescape"))


def _cookies(response: web.StreamResponse) -> Headers:
    """Return the response's cookies as headers, as aiohttp prepares them."""
    lines = list(response.headers.getall("Set-Cookie", ()))
    if not response.prepared:
        lines += [cookie.OutputString() for cookie in response.cookies.values()]
    return [(b"set-cookie", line.encode()) for line in lines]


def _answer(refused: Refusal) -> web.HTTPException:
    """Return a response of ours as an exception for aiohttp."""
    kinds = {503: web.HTTPServiceUnavailable, 500: web.HTTPInternalServerError}
    answer = kinds[refused.status](text=refused.body.decode())
    for name, value in refused.headers:
        if name not in (b"content-type", b"content-length"):  # set with the text
            answer.headers.add(name.decode(), value.decode("utf-8", "surrogateescape"))
    return answer
