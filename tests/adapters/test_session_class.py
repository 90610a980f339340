"""What `isinstance` says of a session: what it says of the framework's own session.

Packages ask before they use a session. Some leave out their work where it is of another class, as
starlette-flash and litestar-vite did with their messages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import flask
import pytest
import quart
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from flask.sessions import NullSession, SecureCookieSession, SessionMixin
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from litestar.testing import TestClient as LitestarClient
from pyramid.config import Configurator
from pyramid.request import Request as PyramidRequest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import tokensession.adapters.aiohttp
import tokensession.adapters.quart
from tokensession import KeyRing
from tokensession.adapters import litestar
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.flask import SessionInterface
from tokensession.adapters.pyramid import SessionFactory
from tokensession.web.request_session import RequestSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

KEYS = KeyRing.generate()
BASE = "https://localhost"


def in_starlette(ask: Callable[[Any], None]) -> Any:
    """Ask in an endpoint of Starlette, and return the response's headers."""

    def shown(request: Request) -> Response:
        ask(request.session)
        return PlainTextResponse("")

    app = SessionMiddleware(Starlette(routes=[Route("/", shown)]), KEYS)
    return TestClient(app, base_url=BASE).get("/").headers


def in_litestar(ask: Callable[[Any], None]) -> Any:
    """Ask in a handler of Litestar."""

    @get("/", sync_to_thread=False)
    def shown(request: LitestarRequest[Any, Any, Any]) -> str:
        ask(request.scope["session"])
        return ""

    app = Litestar([shown], plugins=[litestar.SessionConfig(KEYS)])
    return LitestarClient(app, base_url="https://localhost.local").get("/").headers


def in_flask(ask: Callable[[Any], None]) -> Any:
    """Ask of Flask's proxy in a view."""
    app = flask.Flask("shop")
    app.session_interface = SessionInterface(KEYS)

    @app.get("/")
    def shown() -> str:
        ask(flask.session)
        return ""

    app.testing = True
    return app.test_client().get("/", base_url=BASE).headers


def in_quart(ask: Callable[[Any], None]) -> Any:
    """Ask of Quart's proxy in a view."""
    app = quart.Quart("shop")
    app.session_interface = tokensession.adapters.quart.SessionInterface(KEYS)
    app.testing = True

    @app.get("/")
    async def shown() -> str:
        ask(quart.session)
        return ""

    async def answered() -> Any:
        return (await app.test_client().get("/", scheme="https")).headers

    return asyncio.run(answered())


def in_pyramid(ask: Callable[[Any], None]) -> Any:
    """Ask in a view of Pyramid."""

    def shown(request: Any) -> Any:
        ask(request.session)
        return request.response

    config = Configurator(session_factory=SessionFactory(KEYS))
    config.add_route("home", "/")
    config.add_view(shown, route_name="home")
    return PyramidRequest.blank("/", base_url=BASE).get_response(config.make_wsgi_app()).headers


def in_aiohttp(ask: Callable[[Any], None]) -> Any:
    """Ask in a handler of aiohttp."""

    async def shown(request: web.Request) -> web.Response:
        ask(tokensession.adapters.aiohttp.session_of(request))
        return web.Response()

    async def answered() -> Any:
        app = web.Application()
        tokensession.adapters.aiohttp.setup(app, KEYS)
        app.router.add_get("/", shown)
        async with AiohttpClient(TestServer(app)) as client:
            return (await client.get("/")).headers

    return asyncio.run(answered())


DICTS = [in_starlette, in_litestar, in_flask, in_quart, in_pyramid]


@pytest.mark.parametrize("framework", DICTS)
def test_a_session_is_a_dict_where_the_frameworks_is(framework: Callable[..., Any]) -> None:
    """`isinstance(session, dict)` is true, and does not open the session."""
    asked: list[bool] = []
    headers = framework(lambda session: asked.append(isinstance(session, dict)))
    assert asked == [True]
    assert "vary" not in headers


@pytest.mark.parametrize("framework", [in_flask, in_quart])
def test_flasks_classes(framework: Callable[..., Any]) -> None:
    """A session of Flask or Quart is of the framework's class, and not the null session."""
    asked: list[bool] = []
    classes = (SecureCookieSession, SessionMixin, NullSession)
    framework(lambda session: asked.extend(isinstance(session, one) for one in classes))
    assert asked == [True, True, False]


def test_aiohttp_has_no_dict() -> None:
    """A session of aiohttp is not a dict, as aiohttp-session's is not."""
    asked: list[bool] = []
    in_aiohttp(lambda session: asked.append(isinstance(session, dict)))
    assert asked == [False]


@pytest.mark.parametrize("framework", [*DICTS, in_aiohttp])
def test_a_prompt_completes_our_verbs(framework: Callable[..., Any]) -> None:
    """`dir(session)` lists the session's own attributes."""
    asked: list[str] = []
    framework(lambda session: asked.extend(dir(session)))
    assert {"sign_in", "subject", "get"} < {*asked}


def test_what_takes_a_dict_takes_the_session() -> None:
    """Code that has asked for a dict can read, copy and merge the session as one."""
    seen: list[Any] = []

    def use(session: Any) -> None:
        assert isinstance(session, RequestSession)
        session |= {"a": 1}
        session.setdefault("b", []).append(2)
        seen.extend([dict(session), {**session}, session | {"c": 3}, {"a": 0} | session])

    in_starlette(use)
    state = {"a": 1, "b": [2]}
    assert seen == [state, state, {**state, "c": 3}, state]
