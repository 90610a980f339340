"""The ASGI middleware under an application without a framework."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

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

    from tokensession.adapters.asgi import App, Receive, Scope, Send


async def reply(send: Send, reply: Answer) -> None:
    """Send a response."""
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body.encode()})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the paths of the conformance suite."""
    if scope["type"] == "lifespan":
        return
    kind, _, name = scope["path"].lstrip("/").partition("/")
    session = scope["session"]
    if scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        text = run_late(session, name) if kind == "ws" else ""
        await send({"type": "websocket.accept"})
        text = run_late(session, name) if kind == "ws-late" else text
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close"})
        return
    query = dict(parse_qsl(scope["query_string"].decode()))
    if kind == "stream":
        chunks = stream(session, name)
        first = next(chunks)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    if kind == "background":
        if name == "before":
            answer(session, "set_new", {})
        await reply(send, Answer("{}"))
        if name != "before":
            answer(session, name, {})
        return
    try:
        if kind in ("op", "both"):
            given = answer(session, name, query)
        if kind in ("admin", "both"):
            given = answer(scope["admin"], name, query)
    except Handled:
        given = Answer("handled", 409)
    await reply(send, given)


class TestBareASGI(Conformance, RaisesFailures, BackgroundTasks, WebSockets):
    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: App = SessionMiddleware(
            application, RING, policy=POLICY, cookie_name=ADMIN_COOKIE, scope_key="admin"
        )
        with serve_asgi(SessionMiddleware(app, RING, policy=POLICY)) as site:
            yield site
