"""Quart's session interface."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest
import quart
from quart import Quart, Response, flash, get_flashed_messages, got_request_exception, request
from quart.sessions import SessionInterface as AnyInterface
from quart.testing import WebsocketResponseError

from tokensession import ConfigError, SessionCodec
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.quart import SessionInterface
from tokensession.testing import FixedClock

from .conformance import (
    COOKIE,
    CUT_OFF,
    ERRORS_INSIDE,
    OWN_COOKIES,
    OWN_SESSIONS,
    POLICY,
    RING,
    SESSIONS,
    Answer,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    WatchedStore,
    WebSockets,
    answer_to,
    cookies,
    headers_of,
    note_after,
    own_session_of,
    run_late,
    start_cookie,
    stream,
    unique,
)
from .servers import Site, serve_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByPath(AnyInterface):
    """Quart has one session; the suite's sessions are those of different paths.

    The one that it asks for beside another is the ASGI middleware's.
    """

    def __init__(self) -> None:
        self._interfaces = {key: SessionInterface(manager) for key, manager in OWN_SESSIONS.items()}

    def _interface(self, path: str) -> SessionInterface:
        return self._interfaces[own_session_of(path)]

    async def open_session(self, app: Quart, request: Any) -> Any:
        """Open that of the path."""
        return await self._interface(request.path).open_session(app, request)

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        """Save it."""
        path = request.path if quart.has_request_context() else "/ws/"
        await self._interface(path).save_session(app, session, response)


def of(key: str) -> Any:
    """Return a session of the request."""
    return request.scope["admin"] if key == "admin" else quart.session  # type: ignore[typeddict-item]


def respond(given: Answer) -> Response:
    """Return a response of Quart's."""
    return Response(given.body, given.status, dict(given.headers))


def application() -> Quart:
    """Return an application with the paths of the conformance suite."""
    app = Quart("conformance")
    app.session_interface = ByPath()  # type: ignore[assignment]

    @app.get("/<kind>/<name>")
    async def operation(kind: str, name: str) -> Response:
        return respond(answer_to(of, kind, name, request.args))

    @app.route("/stream/<name>", methods=["GET", "POST"])
    async def streaming(name: str) -> Response:
        chunks = stream(quart.session._get_current_object(), name)  # type: ignore[attr-defined]
        return Response(chain([next(chunks)], chunks), headers=dict(headers_of(request.args)))

    @app.websocket("/ws/<name>")
    async def socket(name: str) -> None:
        text = run_late(quart.session, name)
        await quart.websocket.accept()
        await quart.websocket.send(text)

    @app.websocket("/ws-late/<name>")
    async def late_socket(name: str) -> None:
        await quart.websocket.accept()
        await quart.websocket.send(run_late(quart.session, name))

    @app.teardown_request
    async def log(error: BaseException | None) -> None:
        note_after(of, request.path)

    @app.errorhandler(Handled)
    async def handled(error: Exception) -> tuple[str, int]:
        return "handled", 409

    return app


class TestQuart(Conformance, Revocation, Overflowing, RaisesFailures, WebSockets):
    title = "Quart"
    unable: ClassVar = {
        "BackgroundTasks": "Quart runs them in the context of the application, where no session is"
    }
    notes: ClassVar = (
        ERRORS_INSIDE
        | CUT_OFF
        | {
            "test_a_change_before_accept": (
                "Quart accepts without asking for headers, so the change raises an error instead"
            ),
        }
    )
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: Any = application()  # its scopes are TypedDicts
        app.asgi_app = SessionMiddleware(app.asgi_app, SESSIONS["admin"], scope_key="admin")
        with serve_asgi(app, until_closed=OWN_COOKIES) as site:

            async def note(sender: Quart, exception: BaseException, **_: object) -> None:
                site.failed(request.full_path.rstrip("?"), exception)

            with got_request_exception.connected_to(note, app):
                yield site

    def test_a_nested_change_after_the_first_byte(self, site: Site) -> None:
        """It is found at the end of the body, which is cut off there."""
        path = unique("/stream/nested_late")
        with pytest.raises(httpx.RemoteProtocolError):
            site.get(path, *cookies(start_cookie("anonymous")))
        error = site.failure(path)
        if isinstance(error, ExceptionGroup):  # from Quart 0.23 on
            (error,) = error.exceptions
        assert isinstance(error, ConfigError)

    @pytest.mark.parametrize("name", ["set_new", "sign_in"])
    def test_a_change_before_accept(self, site: Site, name: str) -> None:
        """No headers of ours go with the acceptance, so the change would be lost."""
        headers, text = self._talk(site, f"/ws/{name}", None)
        assert text == "ConfigError"
        assert "set-cookie" not in headers


# -- what Quart's users expect --------------------------------------------------------------


def test_flash_permanent_and_refused_handshakes() -> None:
    """The same as in Flask, by Quart's own test client."""
    app = Quart("shop")
    app.config["PERMANENT_SESSION_LIFETIME"] = 86400
    app.session_interface = SessionInterface(RING)

    @app.get("/flash")
    async def flash_one() -> str:
        quart.session.permanent = True
        await flash("first")
        return ""

    @app.get("/flashed")
    async def flashed() -> dict[str, Any]:
        quart.session.permanent = False
        return {"messages": get_flashed_messages()}

    @app.websocket("/refused")
    async def refused() -> tuple[str, int]:
        return f"no: {len(quart.session)}", 403

    async def talk() -> None:
        client = app.test_client()
        response = await client.get("/flash")
        assert "; Max-Age=86400;" in response.headers["Set-Cookie"]
        response = await client.get("/flashed")
        assert await response.json == {"messages": ["first"]}
        assert "Max-Age" not in response.headers["Set-Cookie"]
        with pytest.raises(WebsocketResponseError) as info:
            async with client.websocket("/refused") as socket:
                await socket.receive()
        assert info.value.response.status_code == 403
        assert info.value.response.headers["Vary"] == "Cookie"

    with FixedClock():  # else a second can pass between a request and its response
        asyncio.run(talk())


def test_the_getters_tell_of_the_cookie_that_is_set() -> None:
    """Quart's public getters tell the name and attributes of our cookie."""
    app = Quart("getters")
    app.session_interface = ours = SessionInterface(RING)

    @app.get("/")
    async def home() -> str:
        quart.session["n"] = 1
        return ""

    async def ask() -> str:
        response = await app.test_client().get("/", scheme="https")
        return str(response.headers["Set-Cookie"])

    line = asyncio.run(ask())
    assert line.startswith(f"{ours.get_cookie_name(app)}=")
    assert f"SameSite={ours.get_cookie_samesite(app)}" in line
    assert ("Secure" in line, "HttpOnly" in line) == (
        ours.get_cookie_secure(app), ours.get_cookie_httponly(app),
    )  # fmt: skip


def test_revocation() -> None:
    """The store is an argument of the interface; a handshake that cannot be judged is a 503."""
    store = WatchedStore()
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
    app = Quart("shop")
    app.session_interface = SessionInterface(RING, revocation=store)

    @app.get("/")
    async def home() -> str:
        of_tokens: Any = quart.session
        return str(of_tokens.refused)

    @app.websocket("/socket")
    async def socket() -> None:
        await quart.websocket.send(str(len(quart.session)))

    token = codec.encode({"n": 1}, subject="ada")
    session = codec.decode(token)

    async def talk() -> None:
        client = app.test_client()
        headers = {"Cookie": f"{COOKIE}={token}"}
        response = await client.get("/", headers=headers)
        assert await response.get_data(as_text=True) == "None"
        async with client.websocket("/socket", headers=headers) as connection:
            assert await connection.receive() == "1"
        with store.down():
            with pytest.raises(WebsocketResponseError) as info:
                async with client.websocket("/socket", headers=headers) as connection:
                    await connection.receive()
            assert info.value.response.status_code == 503
            assert "Set-Cookie" not in info.value.response.headers
        await asyncio.to_thread(codec.revoke, session)
        response = await client.get("/", headers=headers)
        assert await response.get_data(as_text=True) == "revoked"
        assert store.in_event_loop == []

    asyncio.run(talk())
    with pytest.raises(ConfigError, match="a manager already has its policy"):
        SessionInterface(SESSIONS["asking"], revocation=store)


# What Quart-Flask-Patch does: it puts itself in the place of Flask, with Flask's names.
PATCHED = """
import sys
from types import ModuleType

import flask

patch = ModuleType("quart_flask_patch")
named = vars(flask).items()
vars(patch).update((name, it) for name, it in named if not isinstance(it, ModuleType))
patch.__name__ = "quart_flask_patch"
sys.modules["flask"] = patch

from quart import Quart
from tokensession import KeyRing
from tokensession.adapters.quart import SessionInterface

app = Quart("shop")
app.session_interface = SessionInterface(KeyRing.generate())
"""


def test_beside_quart_flask_patch() -> None:
    """An application that lends its requests to Flask's extensions can have our sessions."""
    subprocess.run([sys.executable, "-c", PATCHED], check=True)  # noqa: S603 - our own program
