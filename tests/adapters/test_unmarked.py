"""Changes in place that the application has not marked, and that no token can hold.

The carts of well-known tutorials put objects into the dicts of their session, only to show a page.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import flask
import pytest
import quart
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from pyramid.config import Configurator
from pyramid.request import Request as PyramidRequest
from pyramid.response import Response as PyramidResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

import tokensession.adapters.quart
from tokensession import Cookie, Overflow, SessionManager, SessionTooLarge, StateError
from tokensession.adapters import unmarked
from tokensession.adapters.aiohttp import session_of, setup
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.flask import SessionInterface
from tokensession.adapters.pyramid import SessionFactory
from tokensession.stores.memory.overflow import MemoryStore as OverflowStore
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.testing import FixedClock, session_cookie, session_in

from .conformance import COOKIE, RING
from .django_site import User as User  # noqa: PLC0414  # configures Django

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

CART = {"cart": {"7": {"price": "2.50", "n": 2}}, "lang": "en"}


def put(session: Any) -> None:
    """Put a number into the cart that no token can hold."""
    session["cart"]["7"]["total"] = Decimal(session["cart"]["7"]["price"]) * 2


def put_and_mark(session: Any) -> None:
    """Put it, and say so."""
    put(session)
    session.modified = True


def put_and_set(session: Any) -> None:
    """Put it, and change another member."""
    put(session)
    session["lang"] = "de"


def put_and_sign_in(session: Any) -> None:
    """Put it, and sign in."""
    put(session)
    session.sign_in("ada")


def put_and_live_long(session: Any) -> None:
    """Put it, and change the lifetime."""
    put(session)
    session.set_lifetime(60)


def put_through_state(session: Any) -> None:
    """Put a member into the state itself."""
    session.state["total"] = Decimal(1)


def put_too_much(session: Any) -> None:
    """Put more into the cart than a cookie can hold."""
    session["cart"]["pages"] = ["x" * 100] * 100


MEANT = [put_and_mark, put_and_set, put_and_sign_in, put_and_live_long, put_through_state]


def in_flask(manager: SessionManager[Any], act: Callable[[Any], None], token: str) -> str | None:
    """Return the cookie that Flask's response sets, or None."""
    app = flask.Flask("shop")
    app.testing = True
    app.session_interface = SessionInterface(manager)

    @app.get("/")
    def _view() -> str:
        act(flask.session)
        return ""

    client = app.test_client()
    client.set_cookie(COOKIE, token)
    return client.get("/").headers.get("Set-Cookie")


def in_quart(manager: SessionManager[Any], act: Callable[[Any], None], token: str) -> str | None:
    """Return the cookie that Quart's response sets, or None."""
    app = quart.Quart("shop")
    app.testing = True
    app.session_interface = tokensession.adapters.quart.SessionInterface(manager)

    @app.get("/")
    async def _view() -> str:
        act(quart.session)
        return ""

    async def ask() -> str | None:
        headers = {"Cookie": f"{COOKIE}={token}"}
        response = await app.test_client().get("/", headers=headers)
        assert response.status_code == 200
        return response.headers.get("Set-Cookie")

    return asyncio.run(ask())


class urls:  # noqa: N801  # it stands for a module
    """The views of Django."""

    act: Callable[[Any], None]

    @staticmethod
    def view(request: Any) -> HttpResponse:
        """Act."""
        urls.act(request.session)
        return HttpResponse()

    urlpatterns = (path("", view),)


def in_django(manager: SessionManager[Any], act: Callable[[Any], None], token: str) -> str | None:
    """Return the cookie that Django's response sets, or None."""
    urls.act = act
    client = Client()
    client.cookies[COOKIE] = token
    with override_settings(TOKENSESSION_KEYS=manager, ROOT_URLCONF=urls):
        cookie = client.get("/").cookies.get(COOKIE)
    return None if cookie is None else cookie.OutputString()


def in_pyramid(manager: SessionManager[Any], act: Callable[[Any], None], token: str) -> str | None:
    """Return the cookie that Pyramid's response sets, or None."""
    config = Configurator(session_factory=SessionFactory(manager))
    config.add_route("home", "/")

    def view(request: Any) -> PyramidResponse:
        act(request.session)
        return PyramidResponse()

    config.add_view(view, route_name="home")
    request = PyramidRequest.blank(
        "/", base_url="https://test", headers={"Cookie": f"{COOKIE}={token}"}
    )
    line: str | None = request.get_response(config.make_wsgi_app()).headers.get("Set-Cookie")
    return line


def in_aiohttp(manager: SessionManager[Any], act: Callable[[Any], None], token: str) -> str | None:
    """Return the cookie that aiohttp's response sets, or None."""
    raised: list[Exception] = []

    async def view(request: web.Request) -> web.Response:
        act(session_of(request))
        return web.Response()

    @web.middleware
    async def noting(request: web.Request, handler: Any) -> Any:
        try:
            return await handler(request)
        except Exception as error:
            raised.append(error)
            raise

    app = web.Application(middlewares=[noting])
    setup(app, manager)
    app.router.add_get("/", view)

    async def ask() -> str | None:
        async with AiohttpClient(TestServer(app)) as client:
            response = await client.get("/", headers={"Cookie": f"{COOKIE}={token}"})
            return response.headers.get("Set-Cookie")

    line = asyncio.run(ask())
    if raised:
        raise raised[0]
    return line


def in_starlette(
    manager: SessionManager[Any], act: Callable[[Any], None], token: str
) -> str | None:
    """Return the cookie that Starlette's response sets, or None."""

    async def view(request: Request) -> Response:
        act(request.session)
        return Response()

    middleware = [Middleware(SessionMiddleware, manager)]
    client = TestClient(Starlette(routes=[Route("/", view)], middleware=middleware))
    return client.get("/", headers={"Cookie": f"{COOKIE}={token}"}).headers.get("Set-Cookie")


FRAMEWORKS = [in_starlette, in_flask, in_quart, in_django, in_pyramid, in_aiohttp]


@pytest.fixture(autouse=True)
def _not_warned() -> Iterator[None]:
    unmarked._warned.clear()
    yield
    unmarked._warned.clear()


@pytest.fixture(params=[False, True], ids=["without a store", "with a store"])
def manager(request: pytest.FixtureRequest) -> SessionManager[Any]:
    """Return the manager of an application."""
    return SessionManager(RING, revocation=MemoryStore() if request.param else None)


@pytest.mark.parametrize("ask", FRAMEWORKS)
def test_an_unmarked_change_is_forgotten(
    ask: Any, manager: SessionManager[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The response is sent without a cookie, and one warning names the member."""
    token = session_cookie(manager, state=CART).value
    for _time in range(2):
        assert ask(manager, put, token) is None
    assert caplog.text.count("the session was changed in place") == 1
    assert "state.cart" in caplog.text


@pytest.mark.parametrize("ask", [in_starlette, in_flask, in_django, in_pyramid, in_aiohttp])
@pytest.mark.parametrize("act", MEANT)
def test_a_change_that_is_meant_raises(ask: Any, act: Any, manager: SessionManager[Any]) -> None:
    """A mark, a member that is set, and each verb say that the session must be saved."""
    token = session_cookie(manager, state=CART).value
    with pytest.raises(StateError, match=r"state\.(cart|total)"):
        ask(manager, act, token)


def test_a_new_session_raises() -> None:
    """Its state cannot be restored, because it was set in this request."""

    def start(session: Any) -> None:
        session["cart"] = {"7": {"price": "2.50"}}
        put(session)

    with pytest.raises(StateError):
        in_flask(SessionManager(RING), start, "no token")


@pytest.mark.parametrize("ask", FRAMEWORKS)
def test_a_session_that_is_due_is_renewed(ask: Any, manager: SessionManager[Any]) -> None:
    """It is renewed with the state that was found."""
    with FixedClock() as clock:
        token = session_cookie(manager, state=CART).value
        clock.advance(1000)
        line = ask(manager, put, token)
        name, _, value = line.partition(";")[0].partition("=")
        session = session_in(manager, {name: value})
        assert session.state == CART
        assert session.issued_at == clock.now


def test_a_large_state_is_restored() -> None:
    """A state in the overflow is read lazily, and restored likewise."""
    store = OverflowStore()
    manager: SessionManager[Any] = SessionManager(RING, overflow=Overflow(store))
    state = CART | {"pages": ["x" * 100] * 100}
    token = session_cookie(manager, state=state).value
    assert in_flask(manager, put, token) is None
    assert session_in(manager, {COOKIE: token}).state == state


def test_a_change_that_is_too_large_raises() -> None:
    """A token can hold its values, so it is not forgotten."""
    manager: SessionManager[Any] = SessionManager(RING, cookie=Cookie())
    with pytest.raises(SessionTooLarge, match="cart"):
        in_flask(manager, put_too_much, session_cookie(manager, state=CART).value)


class _Busy(dict[str, Any]):
    """A map that is compared while another thread adds to the map around it."""

    def __init__(self, around: dict[str, Any]) -> None:
        self._around = around
        super().__init__(n=1)

    def __eq__(self, other: object) -> bool:
        self._around[str(len(self._around))] = 1
        return super().__eq__(other)

    __hash__ = None


def test_a_change_that_another_thread_disturbs_raises() -> None:
    """The change could be written, so it is not forgotten."""
    manager: SessionManager[Any] = SessionManager(RING)
    cookie = session_cookie(manager, state=CART)
    session = manager.open([(b"cookie", cookie.header.encode())])
    cart = session["cart"]
    cart.update(a=_Busy(cart), b=1)
    with pytest.raises(StateError, match="another thread changed it"):
        unmarked.save(manager, session, [], status=200, method="GET")
    assert cart["b"] == 1
