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
    ADMIN_COOKIE,
    POLICY,
    RING,
    Answer,
    BackgroundTasks,
    Conformance,
    Handled,
    RaisesFailures,
    WebSockets,
    answer,
    run_late,
    stream,
)
from .servers import Site, serve_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket


def respond(given: Answer) -> Response:
    """Return a response of Starlette's."""
    return Response(given.body, given.status, dict(given.headers))


def operation(request: Request) -> Response:
    """Answer ``/op/NAME``, in a thread."""
    return respond(answer(request.session, request.path_params["name"], request.query_params))


async def admin(request: Request) -> Response:
    """Answer ``/admin/NAME``."""
    return respond(answer(request.scope["admin"], request.path_params["name"], {}))


async def both(request: Request) -> Response:
    """Answer ``/both/NAME``."""
    answer(request.session, request.path_params["name"], {})
    return await admin(request)


async def streaming(request: Request) -> Response:
    """Answer ``/stream/NAME``."""
    chunks = stream(request.session, request.path_params["name"])
    return StreamingResponse(chain([next(chunks)], chunks))


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
    Route("/admin/{name}", admin),
    Route("/both/{name}", both),
    Route("/stream/{name}", streaming),
    Route("/background/{name}", background),
    WebSocketRoute("/ws/{name}", socket),
    WebSocketRoute("/ws-late/{name}", late_socket),
]


class TestStarlette(Conformance, RaisesFailures, BackgroundTasks, WebSockets):
    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application, with the middleware where Starlette's documentation puts it."""
        app = Starlette(
            routes=ROUTES,
            exception_handlers={Handled: handled},
            middleware=[
                Middleware(SessionMiddleware, RING, policy=POLICY),
                Middleware(
                    SessionMiddleware,
                    RING,
                    policy=POLICY,
                    cookie_name=ADMIN_COOKIE,
                    scope_key="admin",
                ),
            ],
        )
        with serve_asgi(app) as site:
            yield site


class TestAroundStarlette(Conformance, RaisesFailures, BackgroundTasks, WebSockets):
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application, with the middleware around all of it."""
        app = Starlette(routes=ROUTES, exception_handlers={Handled: handled})
        inner = SessionMiddleware(
            app, RING, policy=POLICY, cookie_name=ADMIN_COOKIE, scope_key="admin"
        )
        with serve_asgi(SessionMiddleware(inner, RING, policy=POLICY)) as site:
            yield site
