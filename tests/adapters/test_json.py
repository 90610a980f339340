"""JSON of a session, by each framework's hook, without a further line of the application."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flask
import jinja2
import pytest
import quart
from fastapi import FastAPI, Request  # FastAPI reads annotations when it runs
from flask.json.provider import JSONProvider
from pyramid.config import Configurator
from pyramid.request import Request as PyramidRequest
from starlette.testclient import TestClient

import tokensession.adapters.quart
from tokensession import KeyRing, SessionManager
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.flask import SessionInterface
from tokensession.adapters.pyramid import SessionFactory

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = KeyRing.generate()
BASE = "https://localhost"


@dataclass
class Visit:
    """A state of a type."""

    pages: int = 7


class OtherProvider(JSONProvider):
    """A provider of an application's own, without Flask's hook."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write any mapping as an object."""
        return json.dumps(obj, default=dict)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON."""
        return json.loads(s)


VIEWS: dict[str, Callable[[], Any]] = {
    "jsonify": lambda: flask.jsonify(flask.session),
    "inside": lambda: {"session": flask.session},
    "tojson": lambda: flask.render_template_string("{{ session|tojson }}"),
    "given": lambda: flask.render_template_string("{{ s|tojson }}", s=flask.session),
}


def flask_shop(**options: Any) -> flask.Flask:
    """Return an application of Flask that shows its session."""
    app = flask.Flask("shop")
    app.session_interface = SessionInterface(KEYS, **options)
    for name, view in VIEWS.items():
        app.add_url_rule(f"/{name}", name, view)
    return app


@pytest.mark.parametrize("name", VIEWS)
def test_flask_writes_a_session(name: str) -> None:
    """Views and templates of Flask write a session as its state."""
    client = flask_shop().test_client()
    with client.session_transaction(base_url=BASE) as session:
        session["a"] = [1]
    shown = client.get(f"/{name}", base_url=BASE).get_json(force=True)
    assert shown == ({"session": {"a": [1]}} if name == "inside" else {"a": [1]})


@pytest.mark.parametrize("name", ["jsonify", "tojson"])
def test_flask_writes_a_state_of_a_type(name: str) -> None:
    """Flask writes a dataclass that is the state."""
    client = flask_shop(state_type=Visit).test_client()
    assert client.get(f"/{name}", base_url=BASE).get_json(force=True) == {"pages": 7}


def test_what_flask_cannot_write_is_refused_as_before() -> None:
    """Other objects reach Flask's own hook."""
    app = flask_shop()
    app.add_url_rule("/other", "other", lambda: flask.jsonify(object()))
    app.testing = True
    with pytest.raises(TypeError, match="object is not JSON serializable"):
        app.test_client().get("/other", base_url=BASE)


def test_a_provider_of_the_applications_own_is_left_alone() -> None:
    """Where an application writes JSON in its own way, that stays."""
    app = flask_shop()
    app.json = OtherProvider(app)
    assert app.test_client().get("/jsonify", base_url=BASE).get_json() == {}


def test_quart_writes_a_session() -> None:
    """Views of Quart write a session as its state."""
    app = quart.Quart("shop")
    app.session_interface = tokensession.adapters.quart.SessionInterface(KEYS)

    @app.get("/")
    async def show() -> Any:
        quart.session["a"] = [1]
        return {"session": quart.session, "own": (await quart.jsonify(quart.session).get_json())}

    async def ask() -> Any:
        return await (await app.test_client().get("/", scheme="https")).get_json()

    assert asyncio.run(ask()) == {"session": {"a": [1]}, "own": {"a": [1]}}


def test_pyramid_writes_a_session() -> None:
    """Pyramid's JSON renderer writes a session as its state."""

    def show(request: Any) -> Any:
        request.session["a"] = [1]
        return {"session": request.session}

    config = Configurator(session_factory=SessionFactory(KEYS))
    config.add_route("show", "/")
    config.add_view(show, route_name="show", renderer="json")
    response = PyramidRequest.blank("/", base_url=BASE).get_response(config.make_wsgi_app())
    assert response.json == {"session": {"a": [1]}}


@pytest.mark.parametrize("path", ["/whole", "/inside"])
def test_fastapi_writes_a_session(path: str) -> None:
    """A handler of FastAPI without a return type returns its session, or has it inside."""
    app = FastAPI()

    @app.get("/whole")
    def whole(request: Request):  # type: ignore[no-untyped-def]  # noqa: ANN202
        request.session["a"] = [1]
        return request.session

    @app.get("/inside")
    def inside(request: Request):  # type: ignore[no-untyped-def]  # noqa: ANN202
        return {"session": whole(request)}

    with TestClient(SessionMiddleware(app, KEYS), base_url=BASE) as client:
        shown = client.get(path).json()
    assert shown == ({"session": {"a": [1]}} if path == "/inside" else {"a": [1]})


def test_the_lines_for_what_has_no_hook() -> None:
    """`default=dict` and `dict(session)` do for Python's `json` and for Jinja."""
    session = SessionManager(KEYS).open([])
    session["a"] = [1]
    assert json.dumps(dict(session)) == json.dumps(session, default=dict) == '{"a": [1]}'
    environment = jinja2.Environment(autoescape=True)
    environment.policies["json.dumps_kwargs"] = {"default": dict}
    shown = environment.from_string("{{ session|tojson }}").render(session=session)
    assert shown == '{"a": [1]}'
