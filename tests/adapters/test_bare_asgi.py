"""The ASGI middleware under an application without a framework."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tokensession.adapters.asgi import SessionMiddleware

from .conformance import (
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

    from tokensession.adapters.asgi import App, Receive, Scope, Send


async def begin(send: Send, reply: Answer) -> None:
    """Send the head of a response."""
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})


async def reply(send: Send, reply: Answer) -> None:
    """Send a response."""
    await begin(send, reply)
    await send({"type": "http.response.body", "body": reply.body.encode()})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the paths of the conformance suite."""
    if scope["type"] == "lifespan":
        return
    kind, _, name = scope["path"].lstrip("/").partition("/")
    session = scope["session"]
    if scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await talk(send, session, kind, name)
    elif kind == "stream":
        query = dict(parse_qsl(scope["query_string"].decode()))
        await send_chunks(send, Answer("", headers=headers_of(query)), stream(session, name))
    elif kind == "background":
        if name == "before":
            answer(session, "set_new", {})
        await reply(send, Answer("{}"))
        if name != "before":
            answer(session, name, {})
    else:
        try:
            query = dict(parse_qsl(scope["query_string"].decode()))
            given = answer_to(scope.__getitem__, kind, name, query)
        except Handled:
            given = Answer("handled", 409)
        await reply(send, given)


async def talk(send: Send, session: Any, kind: str, name: str) -> None:
    """Serve a WebSocket."""
    text = run_late(session, name) if kind == "ws" else ""
    await send({"type": "websocket.accept"})
    text = run_late(session, name) if kind == "ws-late" else text
    await send({"type": "websocket.send", "text": text})
    await send({"type": "websocket.close"})


async def send_chunks(send: Send, reply: Answer, chunks: Iterator[bytes]) -> None:
    """Send a response chunk by chunk, the first of which is made before it begins."""
    first = next(chunks)
    await begin(send, reply)
    for chunk in itertools.chain((first,), chunks):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def logged(app: App) -> App:
    """Return an application around which something looks at the session once it has answered."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http":
            note_after(scope.__getitem__, scope["path"])

    return around


class TestBareASGI(
    Conformance, Revocation, Overflowing, RaisesFailures, BackgroundTasks, WebSockets
):
    title = "ASGI"

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: App = application
        for key, manager in SESSIONS.items():
            app = SessionMiddleware(app, manager, scope_key=key)
        with serve_asgi(logged(app)) as site:
            yield site
