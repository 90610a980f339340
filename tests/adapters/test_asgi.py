"""What the ASGI middleware does beyond one cookie in one application: mounts, headers, readers."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from time import time
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from websockets.sync.client import connect

from tokensession import ConfigError, Header, KeyRing, Policy, SessionCodec, SessionManager
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import ADMIN_CODEC, ADMIN_COOKIE, CODEC, COOKIE, POLICY, RING, listed, token_of
from .servers import PATIENCE, Site, serve_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from tokensession.adapters.asgi import Receive, Scope, Send

API: SessionCodec[Any] = SessionCodec(RING, context="api", policy=Policy.owasp())


async def show(request: Request) -> Response:
    """Answer what the session is."""
    session: Any = request.session
    return JSONResponse(
        {"state": session.state, "subject": session.subject, "refused": session.refused}
    )


async def change(request: Request) -> Response:
    """Put the query into the state."""
    request.session.update(request.query_params)
    return await show(request)


async def sign_out(request: Request) -> Response:
    """Sign out."""
    request.session.clear()
    return Response("{}")


async def idle(request: Request) -> Response:
    """Leave the session alone."""
    return Response("{}")


async def check(request: Request) -> Response:
    """Answer an error that the response would meet, before it begins."""
    session: Any = request.scope["session"]
    session["basket"] = "x" * 5000
    try:
        session.check()
    except Exception as error:  # noqa: BLE001  # its name is the answer
        del session["basket"]
        return Response(type(error).__name__, 413)
    return Response("{}")


async def refuse(websocket: WebSocket) -> None:
    """Do what the query names, and accept no connection."""
    session: Any = websocket.scope["session"]
    for verb in websocket.query_params:
        getattr(session, verb)()
    await websocket.close(1008)


async def socket(websocket: WebSocket) -> None:
    """Count the connection in the session, and answer what it is."""
    session: Any = websocket.scope["session"]
    if websocket.query_params:
        session["seen"] = 1
    await websocket.accept()
    await websocket.send_json({"state": session.state, "subject": session.subject})
    await websocket.close()


ROUTES = [
    Route("/show", show),
    Route("/change", change),
    Route("/sign-out", sign_out),
    Route("/idle", idle),
    Route("/check", check),
    WebSocketRoute("/socket", socket),
    WebSocketRoute("/refuse", refuse),
]


class TestMounted:
    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve an application with two others mounted: one of its sessions, one of its own."""
        admin = Starlette(
            routes=ROUTES,
            middleware=[
                Middleware(SessionMiddleware, RING, policy=POLICY, cookie_name=ADMIN_COOKIE)
            ],
        )
        app = Starlette(
            routes=[*ROUTES, Mount("/shop", Starlette(routes=ROUTES)), Mount("/admin", admin)],
            middleware=[Middleware(SessionMiddleware, RING, policy=POLICY)],
        )
        with serve_asgi(app) as site:
            yield site

    def test_an_application_without_its_own(self, site: Site) -> None:
        """It has the session of the one around it, under the same cookie for every path."""
        token = token_of(site.get("/shop/change?a=1"))
        assert CODEC.decode(token).state == {"a": "1"}
        assert site.get("/show", f"{COOKIE}={token}").json()["state"] == {"a": "1"}

    def test_an_application_with_its_own(self, site: Site) -> None:
        """Its session has its own cookie, and the one around it is neither read nor written."""
        outer = CODEC.encode({"outer": 1}, subject="ann")
        response = site.get("/admin/change?a=1", f"{COOKIE}={outer}")
        assert response.json()["state"] == {"a": "1"}
        token = token_of(response, ADMIN_COOKIE)
        assert ADMIN_CODEC.decode(token).state == {"a": "1"}
        lines = f"{COOKIE}={outer}; {ADMIN_COOKIE}={token}"
        assert site.get("/admin/show", lines).json()["state"] == {"a": "1"}
        assert site.get("/show", lines).json()["subject"] == "ann"
        response = site.get("/admin/sign-out", lines)
        (deleted,) = response.headers.get_list("set-cookie")
        assert deleted.startswith(f"{ADMIN_COOKIE}=; Max-Age=0")


class TestHeaderTransport:
    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve an API."""
        manager = SessionManager(API, cookie=Header())
        with serve_asgi(SessionMiddleware(Starlette(routes=ROUTES), manager)) as site:
            yield site

    @staticmethod
    def ask(site: Site, path: str, *authorization: str) -> httpx.Response:
        """Send a request with Authorization headers."""
        return site.get(path, headers=tuple(("Authorization", line) for line in authorization))

    def test_a_bearer_token_in_and_a_header_out(self, site: Site) -> None:
        """A session by header has its own Vary, and sets no cookie."""
        response = self.ask(site, "/change?a=1")
        token = response.headers["session-token"]
        assert API.decode(token).state == {"a": "1"}
        assert listed(response, "vary") == ["authorization"]
        assert listed(response, "cache-control") == ["no-store"]
        assert "set-cookie" not in response.headers
        response = self.ask(site, "/show", f"Bearer {token}")
        assert response.json()["state"] == {"a": "1"}
        assert "session-token" not in response.headers
        assert listed(response, "vary") == ["authorization"]

    def test_a_request_that_touches_nothing(self, site: Site) -> None:
        """It does not vary."""
        assert "vary" not in self.ask(site, "/idle", f"Bearer {API.encode({})}").headers

    def test_renewal(self, site: Site) -> None:
        """The client gets a new token of the same session, and the old one goes on reading."""
        old = API.encode({"a": 1}, subject="ann", now=int(time()) - 1000)
        response = self.ask(site, "/show", f"Bearer {old}")
        new = API.decode(response.headers["session-token"])
        assert (new.sid, new.subject) == (API.decode(old).sid, "ann")

    def test_signing_out(self, site: Site) -> None:
        """An empty header tells the client to drop its token."""
        token = API.encode({}, subject="ann")
        assert self.ask(site, "/sign-out", f"Bearer {token}").headers["session-token"] == ""

    @pytest.mark.parametrize("line", ["Bearer junk", "Bearer", "Basic YTpi", "", "bearer a.b.c"])
    def test_what_is_no_token(self, site: Site, line: str) -> None:
        """It is no session, and never an error."""
        response = self.ask(site, "/show", line)
        assert (response.status_code, response.json()["state"]) == (200, {})

    def test_cookies_and_other_contexts_are_none(self, site: Site) -> None:
        """A cookie's token is worth nothing here, in a cookie or in a header."""
        token = CODEC.encode({"a": 1})
        seen = self.ask(site, "/show", f"Bearer {token}").json()
        assert (seen["state"], seen["refused"]) == ({}, "bad_signature")
        assert site.get("/show", f"session={token}").json()["state"] == {}

    def test_several_headers(self, site: Site) -> None:
        """Of several values one counts if it alone is good."""
        token = API.encode({"a": 1})
        seen = self.ask(site, "/show", "Bearer junk", f"Bearer {token}").json()
        assert seen["state"] == {"a": 1}
        seen = self.ask(site, "/show", f"Bearer {token}", f"Bearer {token}").json()
        assert (seen["state"], seen["refused"]) == ({}, "malformed")

    @pytest.mark.parametrize("changed", [True, False])
    def test_a_websocket(self, site: Site, *, changed: bool) -> None:
        """The handshake carries the token, and its answer a new one where something changed."""
        url = site.url.replace("http", "ws", 1) + ("/socket?change" if changed else "/socket")
        url += "=1" if changed else ""
        headers = [("Authorization", f"Bearer {API.encode({'a': 1}, subject='ann')}")]
        with connect(url, additional_headers=headers, proxy=None) as connection:
            text = connection.recv(timeout=PATIENCE)
            assert connection.response is not None
            answered = connection.response.headers
        state = {"a": 1, "seen": 1} if changed else {"a": 1}
        assert json.loads(text) == {"state": state, "subject": "ann"}
        if changed:
            assert API.decode(answered["session-token"]).state == state
        else:
            assert "session-token" not in answered


class TestReaders:
    def test_a_service_that_reads(self) -> None:
        """It never sets or deletes a cookie, renews nothing, and a changed state raises."""
        ring = KeyRing.generate("Ed25519")
        codec: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
        app = SessionMiddleware(Starlette(routes=ROUTES), ring.reader(), policy=POLICY)
        token = codec.encode({"a": 1}, subject="ann", now=int(time()) - 1000)
        with serve_asgi(app) as site:
            response = site.get("/show", f"{COOKIE}={token}")
            assert response.json()["subject"] == "ann"
            assert "set-cookie" not in response.headers
            for path in ("/change?a=2", "/sign-out"):
                response = site.get(path, f"{COOKIE}={token}")
                assert response.status_code == 500
                assert "set-cookie" not in response.headers
                failure = site.failure(path)
                assert isinstance(failure, ConfigError)
                assert "can only read" in str(failure)


def test_an_application_that_checks_first() -> None:
    """It answers what would be a 500, and the session goes on as it was."""
    with serve_asgi(SessionMiddleware(Starlette(routes=ROUTES), RING, policy=POLICY)) as site:
        response = site.get("/check", f"{COOKIE}={CODEC.encode({'a': 1})}")
        assert (response.status_code, response.text) == (413, "SessionTooLarge")
        assert "set-cookie" not in response.headers


def test_an_application_that_sends_one_message_again() -> None:
    """A message that an application sends again gets no header of a session."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]}
    kept = dict(start)

    async def constant(scope: Scope, receive: Receive, send: Send) -> None:
        if b"sign-in" in scope["query_string"]:
            scope["session"].sign_in("ada")
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    for store in (None, MemoryStore()):
        app = SessionMiddleware(constant, RING, policy=POLICY, revocation=store)
        with serve_asgi(app) as site:
            assert CODEC.decode(token_of(site.get("/?sign-in"))).subject == "ada"
            assert "set-cookie" not in site.get("/").headers
        assert start == kept


@pytest.mark.parametrize("revocation", [None, MemoryStore()], ids=["bare", "revocation"])
@pytest.mark.parametrize("verb", ["", "clear", "regenerate"])
def test_a_websocket_that_is_refused(revocation: MemoryStore | None, verb: str) -> None:
    """No cookie can be set, so a change raises; what ended is recorded, and renewals can wait."""
    app = SessionMiddleware(
        Starlette(routes=ROUTES), RING, policy=POLICY, cookie_name=COOKIE, revocation=revocation
    )
    token = CODEC.encode({}, subject="ada", now=time() - POLICY.idle_timeout + 100)
    ended = 0 if revocation is None else revocation.count().denied
    sent = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "path": "/refuse",
        "headers": [(b"cookie", f"{COOKIE}={token}".encode())],
        "query_string": f"{verb}=".encode() if verb else b"",
        "extensions": {},
        "subprotocols": [],
    }
    with pytest.raises(ConfigError, match="refused") if verb else nullcontext():
        asyncio.run(app(scope, receive, send))
    assert sent == ["websocket.close"]
    if revocation is not None:
        assert revocation.count().denied == ended + bool(verb)


def test_a_change_where_an_error_is_answered_outside() -> None:
    """It could not be carried, so it raises; the session can be read there."""
    caught: list[Exception] = []

    async def fail(request: Request) -> Response:
        raise ValueError(request.scope["session"].subject)

    async def answer(request: Request, error: Exception) -> Response:
        assert request.scope["session"].subject == str(error) == "ada"
        try:
            request.session.clear()
        except ConfigError as late:
            caught.append(late)
        return Response(status_code=500)

    app = Starlette(
        routes=[Route("/fail", fail)],
        middleware=[Middleware(SessionMiddleware, RING, policy=POLICY, cookie_name=COOKIE)],
        exception_handlers={Exception: answer},
    )
    client = TestClient(app, base_url="https://test", raise_server_exceptions=False)
    client.cookies.set(COOKIE, CODEC.encode({}, subject="ada"))
    assert client.get("/fail").status_code == 500
    assert "the response has begun" in str(caught)


@pytest.mark.parametrize("revocation", [None, MemoryStore()], ids=["bare", "revocation"])
@pytest.mark.parametrize(
    ("message", "complete"),
    [
        ({"type": "http.response.body", "body": b""}, True),
        ({"type": "http.response.body", "body": b"", "more_body": True}, False),
        ({"type": "http.response.pathsend", "path": "/file"}, True),
        ({"type": "http.response.zerocopysend", "file": 3}, True),
        ({"type": "http.response.zerocopysend", "file": 3, "more_body": True}, False),
        ({"type": "http.response.debug", "info": {}}, False),
    ],
)
def test_the_end_of_a_response(
    message: dict[str, Any], revocation: MemoryStore | None, *, complete: bool
) -> None:
    """Code that runs after the last message can read the session, and code before it cannot."""
    read: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send(message)
        try:
            read.append(scope["session"].subject)
        except ConfigError as error:
            read.append(type(error).__name__)

    async def discard(message: Any) -> None:
        pass

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    token = CODEC.encode({}, subject="ada")
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"cookie", f"{COOKIE}={token}".encode())],
    }
    served = SessionMiddleware(app, RING, policy=POLICY, revocation=revocation)
    asyncio.run(served(scope, receive, discard))
    assert read == (["ada"] if complete else ["ConfigError"])
