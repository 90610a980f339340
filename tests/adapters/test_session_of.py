"""`session_of` of each adapter: the framework's own session, or what to add."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import flask
import pytest
import quart
from aiohttp.test_utils import make_mocked_request
from django.http import HttpRequest
from pyramid.config import Configurator
from pyramid.interfaces import ISession
from pyramid.request import Request
from pyramid.session import SignedCookieSessionFactory
from starlette.testclient import TestClient

import tokensession.adapters.flask
import tokensession.adapters.quart
from tokensession import ConfigError, KeyRing
from tokensession.adapters import aiohttp, asgi, django, litestar, pyramid, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = KeyRing.generate()


def in_flask() -> Any:
    """Ask in a request of an application with Flask's own sessions."""
    with flask.Flask("shop").test_request_context():
        return tokensession.adapters.flask.session_of(flask.request)


def in_quart() -> Any:
    """Ask in a request of an application with Quart's own sessions."""

    async def ask() -> Any:
        async with quart.Quart("shop").test_request_context("/"):
            return tokensession.adapters.quart.session_of(quart.request)

    return asyncio.run(ask())


def in_pyramid() -> Any:
    """Ask in a request of an application with Pyramid's own sessions."""
    config = Configurator(session_factory=SignedCookieSessionFactory("a secret of the shop"))
    config.commit()
    request = Request.blank("/")
    request.registry = config.registry
    return pyramid.session_of(request)


@pytest.mark.parametrize(
    ("ask", "remedy"),
    [
        (lambda: asgi.session_of({"type": "http"}), r"adapters\.asgi\.SessionMiddleware"),
        (lambda: asgi.session_of({"session": {}}), r"adapters\.asgi\.SessionMiddleware"),
        (lambda: litestar.session_of({"type": "http"}), r"adapters\.litestar\.SessionConfig"),
        (lambda: wsgi.session_of({}), r"adapters\.wsgi\.SessionMiddleware"),
        (in_flask, r"app\.session_interface = SessionInterface\(keys\)"),
        (in_quart, r"app\.session_interface = SessionInterface\(keys\)"),
        (
            lambda: django.session_of(HttpRequest.__new__(HttpRequest)),
            r"adapters\.django\.SessionMiddleware",
        ),
        (lambda: aiohttp.session_of(make_mocked_request("GET", "/")), r"adapters\.aiohttp\.setup"),
        (in_pyramid, r"adapters\.pyramid\.SessionFactory\(keys\)"),
    ],
)
def test_a_missing_middleware_is_named(ask: Callable[[], Any], remedy: str) -> None:
    """Without sessions of this library the error says which line to add."""
    with pytest.raises(ConfigError, match=remedy):
        ask()


def test_the_session_of_a_further_key() -> None:
    """Of several sessions in one application `key` says which is meant."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((asgi.session_of(scope, "admin"), scope["admin"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    inner = asgi.SessionMiddleware(app, KEYS, cookie_name="__Host-admin", scope_key="admin")
    TestClient(asgi.SessionMiddleware(inner, KEYS)).get("/")
    assert seen[0] is seen[1]


def test_it_is_flasks_session() -> None:
    """In Flask and Quart the session of a request is what `session` stands for."""
    app = flask.Flask("shop")
    app.session_interface = tokensession.adapters.flask.SessionInterface(KEYS)
    with app.test_request_context():
        proxied = flask.session._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy
        assert tokensession.adapters.flask.session_of(flask.request) is proxied


def test_it_is_pyramids_session() -> None:
    """In Pyramid it is `request.session`."""
    config = Configurator(session_factory=pyramid.SessionFactory(KEYS))
    config.commit()
    request = Request.blank("/")
    request.registry = config.registry
    assert pyramid.session_of(request) is request.session
    assert ISession.providedBy(request.session)
