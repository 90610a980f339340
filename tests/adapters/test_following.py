"""Keys and revocations that are too old: an adapter reads them before its application runs."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
import quart
from aiohttp import web

from tests.adapters.servers import serve_aiohttp, serve_asgi, serve_wsgi
from tokensession import KeyRing, SessionCodec, SessionManager
from tokensession.adapters.aiohttp import get_session, setup
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.quart import SessionInterface
from tokensession.adapters.wsgi import SessionMiddleware as WSGIMiddleware
from tokensession.keys.poller import Poller
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.adapters.servers import Site
    from tokensession.revocation.store import Position

    Serve = Callable[[SessionManager[Any]], AbstractContextManager[Site]]

RING = KeyRing([*KeyRing.generate(kid="a"), *KeyRing.generate(kid="b")], serial=5)


class Place(MemoryStore):
    """A store of revocations, and the source of a key document, that note how they are read.

    Attributes:
        document: The document.
        reads: For each reading, whether an event loop had to wait for it.
    """

    name = "place"

    def __init__(self) -> None:
        super().__init__()
        self.document = RING.to_json()
        self.reads: list[bool] = []

    def read(self, *position: Position | None) -> Any:
        """Read either."""
        try:
            asyncio.get_running_loop()
            self.reads.append(True)
        except RuntimeError:
            self.reads.append(False)
        return super().read(*position) if position else self.document

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Refuse to."""
        raise NotImplementedError


def by_asgi(manager: SessionManager[Any]) -> AbstractContextManager[Site]:
    """Serve the session by bare ASGI."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        text = str(scope["session"].get("n", scope["session"].refused)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})

    return serve_asgi(SessionMiddleware(app, manager))


def by_quart(manager: SessionManager[Any]) -> AbstractContextManager[Site]:
    """Serve the session by Quart."""
    app = quart.Quart(__name__)
    app.session_interface = SessionInterface(manager)

    @app.get("/")
    async def show() -> str:
        session: Any = quart.session
        return str(session.get("n", session.refused))

    return serve_asgi(app)  # type: ignore[arg-type]


def by_aiohttp(manager: SessionManager[Any]) -> AbstractContextManager[Site]:
    """Serve the session by aiohttp."""

    async def show(request: web.Request) -> web.Response:
        session = await get_session(request)
        return web.Response(text=str(session.get("n", session.refused)))

    def make() -> web.Application:
        app = web.Application()
        setup(app, manager)
        app.router.add_get("/", show)
        return app

    return serve_aiohttp(make)


def by_wsgi(manager: SessionManager[Any]) -> AbstractContextManager[Site]:
    """Serve the session by bare WSGI."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        session = environ["tokensession.session"]
        text = str(session.get("n", session.refused))
        start_response("200 OK", [])
        return [text.encode()]

    return serve_wsgi(WSGIMiddleware(app, manager))


@pytest.mark.parametrize("serve", [by_asgi, by_quart, by_aiohttp, by_wsgi])
@pytest.mark.parametrize("what", ["keys", "revocations"])
def test_a_pause_of_the_process(serve: Serve, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request after it is judged by what holds now, and no event loop waits for that."""
    monkeypatch.setattr(Poller, "start", lambda _: None)  # a thread that stands still
    place = Place()
    if what == "keys":
        watcher = KeyRingWatcher(place)
        manager: SessionManager[Any] = SessionManager(watcher)
        poller = watcher._poller
    else:
        replica = Replica(place)
        manager = SessionManager(RING, revocation=replica)
        poller = replica._poller
        replica.read()
    codec = manager.codec
    token = codec.encode({"n": 42})
    with serve(manager) as site:

        def ask() -> tuple[str, list[bool]]:
            before = len(place.reads)
            text = site.get("/", f"__Host-session={token}").text
            return text, place.reads[before:]

        assert ask() == ("42", [])
        poller.fresh_until = -inf
        assert ask() == ("42", [False])
        if what == "keys":
            place.document = RING.revoke("b").to_json()
        else:
            listed: SessionCodec[Any] = SessionCodec(RING, revocation=place)
            listed.revoke(codec.decode(token))
        assert ask() == ("42", [])
        poller.fresh_until = -inf
        assert ask() == ("unknown_key" if what == "keys" else "revoked", [False])
