"""The ASGI middleware in a Litestar application."""

from collections.abc import Iterator  # Litestar reads annotations when it runs
from itertools import chain
from typing import Any

import pytest
from litestar import Litestar, Request, Response, WebSocket, get, route, websocket
from litestar.background_tasks import BackgroundTask
from litestar.enums import HttpMethod, MediaType
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath
from litestar.response import Stream
from litestar.serialization import msgspec_hooks
from litestar.testing import TestClient

from tokensession import KeyRing, RequestSession
from tokensession.adapters.asgi import SessionMiddleware

from .conformance import (
    ERRORS_INSIDE,
    SESSIONS,
    Answer,
    BackgroundTasks,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    WebSockets,
    answer,
    answer_to,
    headers_of,
    note_after,
    run_late,
    stream,
)
from .servers import Site, serve_asgi

AnyRequest = Request[Any, Any, Any]
AnySocket = WebSocket[Any, Any, Any]


def respond(given: Answer, request: AnyRequest) -> Response[str]:
    """Return a response of Litestar's, after which something looks at the session."""
    scope: Any = request.scope
    return Response(
        given.body,
        status_code=given.status,
        headers=dict(given.headers),
        media_type=MediaType.TEXT if given.body else None,
        background=BackgroundTask(note_after, scope.__getitem__, request.url.path),
    )


@route("/op/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=True)
def operation(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """Answer ``/op/NAME``, in a thread."""
    return respond(answer(request.session, name, request.query_params), request)


@get("/{kind:str}/{name:str}")
async def other(request: AnyRequest, kind: FromPath[str], name: FromPath[str]) -> Response[str]:
    """Answer ``/KIND/NAME``."""
    scope: Any = request.scope
    return respond(answer_to(scope.__getitem__, kind, name, {}), request)


@route("/stream/{name:str}", http_method=[HttpMethod.GET, HttpMethod.POST])
async def streaming(request: AnyRequest, name: FromPath[str]) -> Stream:
    """Answer ``/stream/NAME``."""
    chunks = stream(request.session, name)
    return Stream(
        chain([next(chunks)], chunks),
        headers=dict(headers_of(request.query_params)),
        status_code=200,
    )


@get("/background/{name:str}")
async def background(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """Answer ``/background/NAME``."""
    if name == "before":
        answer(request.session, "set_new", {})
        name = "nothing"
    return Response("{}", background=BackgroundTask(answer, request.session, name, {}))


@websocket("/ws/{name:str}")
async def socket(socket: AnySocket, name: FromPath[str]) -> None:
    """Answer ``/ws/NAME``."""
    text = run_late(socket.session, name)
    await socket.accept()
    await socket.send_text(text)
    await socket.close()


@websocket("/ws-late/{name:str}")
async def late_socket(socket: AnySocket, name: FromPath[str]) -> None:
    """Answer ``/ws-late/NAME``."""
    await socket.accept()
    await socket.send_text(run_late(socket.session, name))
    await socket.close()


def handled(request: AnyRequest, error: Handled) -> Response[str]:
    """Answer an error that the application knows."""
    return Response("handled", status_code=409)


_SESSIONS: Any = SessionMiddleware  # Litestar's own types of scopes and messages are TypedDicts


class TestLitestar(
    Conformance, Revocation, Overflowing, RaisesFailures, BackgroundTasks, WebSockets
):
    title = "Litestar"
    notes = ERRORS_INSIDE
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = Litestar(
            route_handlers=[operation, streaming, background, other, socket, late_socket],
            exception_handlers={Handled: handled},
            middleware=[
                DefineMiddleware(_SESSIONS, keys=manager, scope_key=key)
                for key, manager in SESSIONS.items()
            ],
            openapi_config=None,
            logging_config=None,
        )
        with serve_asgi(app) as site:  # type: ignore[arg-type]  # its scopes are TypedDicts
            yield site


@get("/cached", cache=60)
async def cached(request: AnyRequest) -> str:
    """Change the session in a page that Litestar keeps."""
    request.session["seen"] = 1
    return "kept"


def test_a_page_that_is_kept_has_no_cookie() -> None:
    """Litestar's cache gives no user's session to others."""
    middleware = DefineMiddleware(_SESSIONS, keys=SESSIONS["session"])
    app = Litestar([cached], middleware=[middleware], openapi_config=None, logging_config=None)
    with serve_asgi(app) as site:  # type: ignore[arg-type]  # its scopes are TypedDicts
        first, second = site.get("/cached"), site.get("/cached")
    assert first.text == second.text == "kept"
    assert "set-cookie" in first.headers
    assert "set-cookie" not in second.headers


@get("/", sync_to_thread=False)
def whole(request: AnyRequest) -> dict[str, Any]:
    """Return the session."""
    request.session["n"] = 1
    return request.session


def test_a_handler_returns_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler can return the session as JSON with this middleware alone."""
    monkeypatch.delitem(msgspec_hooks.DEFAULT_TYPE_ENCODERS, RequestSession, raising=False)
    middleware = DefineMiddleware(_SESSIONS, keys=KeyRing.generate())
    with TestClient(Litestar([whole], middleware=[middleware])) as client:
        assert client.get("/").json() == {"n": 1}
