"""The helpers for tests of applications, with the test clients of the frameworks."""

from __future__ import annotations

import asyncio
import doctest
import json
import math
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import flask
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpTestClient
from aiohttp.test_utils import TestServer
from django.conf import settings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tokensession import (
    ConfigError,
    Cookie,
    Expired,
    Header,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    StateError,
    testing,
)
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.flask import SessionInterface
from tokensession.format import seconds
from tokensession.testing import (
    FIXED_NOW,
    FixedClock,
    fixed_ring,
    session_cookie,
    session_in,
    set_on_aiohttp,
    set_on_django,
    set_on_flask,
    set_on_starlette,
)

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

pytest_plugins = ["pytester"]

RING = fixed_ring()


def client_of(keys: Any) -> TestClient:
    """Return Starlette's client of an application that counts a session's pages."""

    async def page(request: Request) -> JSONResponse:
        session: Any = request.session
        session["pages"] = session.get("pages", 0) + 1
        return JSONResponse([session.subject, session["pages"]])

    app = SessionMiddleware(Starlette(routes=[Route("/", page)]), keys)
    return TestClient(app, base_url="https://test")


def test_the_ring_is_the_same_in_every_run_and_nowhere_else(tmp_path: Path) -> None:
    """Its tokens can stand in a test; in a file its secret is refused."""
    assert RING.to_jwks(private=True) == fixed_ring().to_jwks(private=True)
    document = tmp_path / "keys.json"
    document.write_text(json.dumps(RING.to_jwks(private=True)))
    document.chmod(0o600)
    with pytest.raises(ConfigError, match="published example"):
        KeyRing.open(document)


def test_the_clock_stands_still_in_the_whole_library() -> None:
    """The fixed clock moves only by `advance`, and the real clock runs again afterwards."""
    codec: SessionCodec[Any] = SessionCodec(RING, policy=Policy(idle_timeout=1800))
    with FixedClock() as clock:
        token = codec.encode({})
        assert codec.decode(token).issued_at == FIXED_NOW
        clock.advance(1799)
        assert codec.decode(token).expires_at == FIXED_NOW + 1800
        clock.advance(1)
        with pytest.raises(Expired):
            codec.decode(token)
        assert seconds.whole_seconds(None) == FIXED_NOW + 1800
    assert abs(seconds.whole_seconds(None) - time.time()) < 3600
    with FixedClock(now=5):
        assert codec.new().started_at == 5


def test_clocks_within_a_clock() -> None:
    """The innermost block decides, and the former clock runs again afterwards."""
    with FixedClock(now=5) as outer:
        with FixedClock(now=7) as inner:
            inner.advance(timedelta(seconds=2))
            assert seconds.whole_seconds(None) == 9
            with outer:
                assert seconds.whole_seconds(None) == 5
            assert seconds.whole_seconds(None) == 9
        assert seconds.whole_seconds(None) == 5
    assert abs(seconds.whole_seconds(None) - time.time()) < 3600


def test_times_of_another_type() -> None:
    """Half a second would move the clock by none."""
    odd: Any
    for odd in ("now", math.nan, True):
        with pytest.raises(ConfigError, match="now must be"):
            FixedClock(odd)
    for odd in (0.5, math.nan, "1"):
        with pytest.raises(ConfigError, match="seconds must be a whole number"):
            FixedClock().advance(odd)


def test_a_cookie_is_that_of_a_real_session() -> None:
    """A cookie can have a subject, a state or both, and begin at any time."""
    cookie = session_cookie(RING, subject="ada", state={"cart": ["tea"]}, now=FIXED_NOW)
    assert cookie.name == "__Host-session"
    assert cookie.header == f"__Host-session={cookie.value}"
    assert cookie.value not in repr(cookie)
    session = session_in(RING, {cookie.name: cookie.value}, now=FIXED_NOW)
    assert (session.subject, session.state) == ("ada", {"cart": ["tea"]})
    assert session.started_at == FIXED_NOW
    state = session_in(RING, {cookie.name: cookie.value}, now=FIXED_NOW + 1800)
    assert (dict(state), state.refused) == ({}, "expired")
    assert session_in(RING, {}).refused is None


def test_a_manager_has_its_own_cookie() -> None:
    """A manager's session cookie has its name, context and type."""
    cookie = Cookie(name="__Secure-visit", domain="example.org")
    codec = SessionCodec(RING, context="visit", state_type=int)
    manager = SessionManager(codec, cookie=cookie)
    made = session_cookie(manager, state=7)
    assert made.name == "__Secure-visit"
    assert session_in(manager, {made.name: made.value}).state == 7
    with pytest.raises(ConfigError, match="Header"):
        session_cookie(SessionManager(KeyRing.generate(), cookie=Header()), state=7)


def test_the_examples_run() -> None:
    """The examples of the docstrings run."""
    results = doctest.testmod(testing, extraglobs={"client": client_of(RING)})
    assert results.attempted >= 4
    assert results.failed == 0


def test_a_session_of_nothing_has_no_cookie() -> None:
    """A cookie without subject or state is a ConfigError, and an invalid state a StateError."""
    with pytest.raises(ConfigError, match="subject or a state"):
        session_cookie(RING)
    with pytest.raises(StateError, match="set"):
        session_cookie(RING, state={"a": {1}})


def test_starlette() -> None:
    """Its client is signed in, and gets what the application answers."""
    client = client_of(RING)
    set_on_starlette(client, session_cookie(RING, subject="ada", state={"pages": 3}))
    assert client.get("/").json() == ["ada", 4]
    values = [cookie.value for cookie in client.cookies.jar if cookie.name == "__Host-session"]
    (value,) = values  # the answer's has taken the place of the one that was set
    assert session_in(RING, {"__Host-session": value or ""})["pages"] == 4


def test_flask() -> None:
    """Its client sends the cookie."""
    app = flask.Flask("clients")

    @app.get("/")
    def page() -> Any:
        session = session_in(RING, flask.request.cookies)
        return flask.jsonify(session.subject)

    client = app.test_client()
    set_on_flask(client, session_cookie(RING, subject="ada"))
    assert client.get("/").json == "ada"


def test_django() -> None:
    """Its client sends the cookie."""
    if not settings.configured:
        settings.configure(SECRET_KEY="unused")
    from django.test import Client  # noqa: PLC0415  # needs settings

    client = Client()
    set_on_django(client, session_cookie(RING, subject="ada"))
    sent = {name: morsel.value for name, morsel in client.cookies.items()}
    assert session_in(RING, sent).subject == "ada"


def test_aiohttp() -> None:
    """Its client sends the cookie."""

    async def page(request: web.Request) -> web.Response:
        return web.json_response(session_in(RING, request.cookies).subject)

    async def ask() -> Any:
        app = web.Application()
        app.router.add_get("/", page)
        async with AiohttpTestClient(TestServer(app)) as client:
            set_on_aiohttp(client, session_cookie(RING, subject="ada"))
            return await (await client.get("/")).json()

    assert asyncio.run(ask()) == "ada"


def test_the_fixtures(pytester: pytest.Pytester) -> None:
    """One line of a conftest gives them."""
    pytester.makeconftest('pytest_plugins = ["tokensession.pytest_plugin"]')
    pytester.makepyfile(
        """
        import tokensession

        def test_session(fixed_clock, fixed_ring):
            token = tokensession.encode({"n": 1}, fixed_ring)
            fixed_clock.advance(1799)
            session = tokensession.decode(token, fixed_ring)
            assert (session.state, session.issued_at) == ({"n": 1}, fixed_clock.now - 1799)
            assert session.kid == "testing"
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.parametrize("base", ["https://testserver", "https://test", "https://example.org"])
def test_a_change_takes_the_place_of_the_cookie_that_was_set(base: str) -> None:
    """The client sends one cookie after a change, for each form of its host."""
    keys = fixed_ring()
    client = client_of(keys)
    client.base_url = base
    set_on_starlette(client, session_cookie(keys, subject="ada", state={"pages": 1}))
    seen = [client.get("/").json() for _ in range(3)]
    assert seen == [["ada", 2], ["ada", 3], ["ada", 4]]
    assert client.get("/").request.headers["cookie"].count("__Host-session=") == 1


# With a path and a domain, as a manager can have them; the client's host is that of SERVER_NAME.
PLACED = [
    (Cookie(), "/", "shop.test"),
    (Cookie(name="__Secure-session", path="/app"), "/app/", "shop.test"),
    (Cookie(name="__Secure-session", domain="shop.test"), "/", "www.shop.test"),
]


@pytest.mark.parametrize(("cookie", "url", "host"), PLACED)
def test_flasks_client_sends_one_cookie(cookie: Cookie, url: str, host: str) -> None:
    """A change takes the place of the cookie that was set at its path and domain."""
    manager: SessionManager[Any] = SessionManager(RING, cookie=cookie)
    app = flask.Flask("placed")
    app.config["SERVER_NAME"] = f"{host}:8443"
    app.config["PREFERRED_URL_SCHEME"] = "https"
    app.session_interface = SessionInterface(manager)

    @app.get(url)
    def page() -> list[int]:
        flask.session["n"] += 1
        return [flask.session["n"], flask.request.headers["Cookie"].count("session=")]

    client = app.test_client()
    set_on_flask(client, session_cookie(manager, state={"n": 1}))
    assert [client.get(url).json for _ in range(3)] == [[2, 1], [3, 1], [4, 1]]


@pytest.mark.parametrize(("cookie", "url", "host"), PLACED)
def test_starlettes_client_sends_one_cookie(cookie: Cookie, url: str, host: str) -> None:
    """A change takes the place of the cookie that was set at its path and domain."""
    manager: SessionManager[Any] = SessionManager(RING, cookie=cookie)

    async def page(request: Request) -> JSONResponse:
        request.session["n"] += 1
        return JSONResponse(
            [request.session["n"], request.headers["cookie"].count("session=")],
        )

    app = Starlette(routes=[Route(url, page)], middleware=[Middleware(SessionMiddleware, manager)])
    client = TestClient(app, base_url=f"https://{host}")
    set_on_starlette(client, session_cookie(manager, state={"n": 1}))
    assert [client.get(url).json() for _ in range(3)] == [[2, 1], [3, 1], [4, 1]]
