"""The ASGI middleware in a Starlette application."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from tokensession.adapters.asgi import App


def respond(given: Answer) -> Response:
    """Return a response of Starlette's."""
    return Response(given.body, given.status, dict(given.headers))


def after(request: Request) -> BackgroundTask:
    """Return a task that looks at the session once the response is complete."""
    return BackgroundTask(note_after, request.scope.__getitem__, request.url.path)


def operation(request: Request) -> Response:
    """Answer ``/op/NAME``, in a thread."""
    given = respond(answer(request.session, request.path_params["name"], request.query_params))
    given.background = after(request)
    return given


async def other(request: Request) -> Response:
    """Answer ``/KIND/NAME``."""
    of = request.scope.__getitem__
    given = respond(answer_to(of, request.path_params["kind"], request.path_params["name"], {}))
    given.background = after(request)
    return given


async def streaming(request: Request) -> Response:
    """Answer ``/stream/NAME``."""
    chunks = stream(request.session, request.path_params["name"])
    headers = dict(headers_of(request.query_params))
    return StreamingResponse(chain([next(chunks)], chunks), headers=headers)


async def background(request: Request) -> Response:
    """Answer ``/background/NAME``."""
    name = request.path_params["name"]
    if name == "before":
        answer(request.session, "set_new", {})
        name = "nothing"
    return Response("{}", background=BackgroundTask(answer, request.session, name, {}))


async def socket(websocket: WebSocket) -> None:
    """Answer ``/ws/NAME``."""
    text = run_late(websocket.session, websocket.path_params["name"])
    await websocket.accept()
    await websocket.send_text(text)
    await websocket.close()


async def late_socket(websocket: WebSocket) -> None:
    """Answer ``/ws-late/NAME``."""
    await websocket.accept()
    await websocket.send_text(run_late(websocket.session, websocket.path_params["name"]))
    await websocket.close()


async def handled(request: Request, error: Exception) -> Response:
    """Answer an error that the application knows."""
    return Response("handled", 409)


ROUTES = [
    Route("/op/{name}", operation),
    Route("/stream/{name}", streaming, methods=["GET", "POST"]),
    Route("/background/{name}", background),
    Route("/{kind}/{name}", other),
    WebSocketRoute("/ws/{name}", socket),
    WebSocketRoute("/ws-late/{name}", late_socket),
]


class TestStarlette(
    Conformance, Revocation, Overflowing, RaisesFailures, BackgroundTasks, WebSockets
):
    title = "Starlette"

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application, with the middleware where Starlette's documentation puts it."""
        app = Starlette(
            routes=ROUTES,
            exception_handlers={Handled: handled},
            middleware=[
                Middleware(SessionMiddleware, manager, scope_key=key)
                for key, manager in SESSIONS.items()
            ],
        )
        with serve_asgi(app) as site:
            yield site


class TestAroundStarlette(
    Conformance, Revocation, Overflowing, RaisesFailures, BackgroundTasks, WebSockets
):
    title = "around Starlette"
    notes = ERRORS_INSIDE
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application, with the middleware around all of it."""
        app: App = Starlette(routes=ROUTES, exception_handlers={Handled: handled})
        for key, manager in SESSIONS.items():
            app = SessionMiddleware(app, manager, scope_key=key)
        with serve_asgi(app) as site:
            yield site
