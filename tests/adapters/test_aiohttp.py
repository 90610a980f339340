"""aiohttp's middleware."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from tokensession import (
    ConfigError,
    Cookie,
    KeyRing,
    SessionCodec,
    SessionManager,
    StoreError,
)
from tokensession.adapters.aiohttp import SESSION, get_session, new_session, setup
from tokensession.adapters.aiohttp_session import Session

from .conformance import (
    COOKIE,
    DELETED_BY,
    POLICY,
    RING,
    SESSIONS,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    WatchedStore,
    WebSockets,
    answer_to,
    headers_of,
    note_after,
    run_late,
    stream,
)
from .servers import Site, serve_aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.typedefs import Handler

KEYS = {key: SESSION if key == "session" else web.RequestKey(key, Session) for key in SESSIONS}


async def operation(request: web.Request) -> web.Response:
    """Answer ``/KIND/NAME``."""
    sessions = {key: await get_session(request, KEYS[key]) for key in KEYS}
    match = request.match_info
    given = answer_to(sessions.__getitem__, match["kind"], match["name"], request.query)
    if given.status == 303:
        raise web.HTTPSeeOther(dict(given.headers)["Location"])
    return web.Response(text=given.body, status=given.status, headers=given.headers)


async def streaming(request: web.Request) -> web.StreamResponse:
    """Answer ``/stream/NAME``."""
    chunks = stream(await get_session(request), request.match_info["name"])
    first = next(chunks)
    response = web.StreamResponse(headers=headers_of(request.query))
    await response.prepare(request)
    await response.write(first)
    for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


async def socket(request: web.Request) -> web.WebSocketResponse:
    """Answer ``/ws/NAME``."""
    text = run_late(await get_session(request), request.match_info["name"])
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str(text)
    await response.close()
    return response


async def late_socket(request: web.Request) -> web.WebSocketResponse:
    """Answer ``/ws-late/NAME``."""
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str(run_late(await get_session(request), request.match_info["name"]))
    await response.close()
    return response


@web.middleware
async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error that the application knows."""
    try:
        return await handler(request)
    except Handled:
        return web.Response(text="handled", status=409)


@web.middleware
async def log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look at the session once the application has answered, around the sessions."""
    response = await handler(request)
    note_after(lambda key: request[KEYS[key]], request.path)
    return response


def application() -> web.Application:
    """Return an application with the paths of the conformance suite."""
    app = web.Application(middlewares=[log])
    for key, manager in SESSIONS.items():
        setup(app, manager, key=KEYS[key])
    app.middlewares.append(handle)
    app.router.add_get("/stream/{name}", streaming)
    app.router.add_post("/stream/{name}", streaming)
    app.router.add_get("/ws/{name}", socket)
    app.router.add_get("/ws-late/{name}", late_socket)
    app.router.add_get("/{kind}/{name}", operation)
    return app


class TestAiohttp(Conformance, Revocation, Overflowing, RaisesFailures, WebSockets):
    title = "aiohttp"
    unable: ClassVar = {"BackgroundTasks": "aiohttp has nothing that runs after the response"}

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        with serve_aiohttp(application) as site:
            yield site


# -- what aiohttp-session's users expect ----------------------------------------------------


def test_a_new_session() -> None:
    """It forgets state and subject, as for aiohttp-session's invalidate and new_session."""

    async def add(request: web.Request) -> web.Response:
        session = await get_session(request)
        session["n"] = session.get("n", 0) + 1
        return web.Response(text=str(session["n"]))

    async def again(request: web.Request) -> web.Response:
        session = await new_session(request)
        session["fresh"] = True
        return web.Response()

    async def see(request: web.Request) -> web.Response:
        return web.json_response((await get_session(request)).state)

    async def talk() -> None:
        app = web.Application()
        # aiohttp's own client keeps no Secure cookies from http.
        cookie = Cookie(name="session", http_development=True)
        setup(app, SessionManager(SessionCodec(KeyRing.generate()), cookie=cookie))
        inner = web.Application()
        inner.router.add_get("/add", add)
        inner.router.add_get("/again", again)
        inner.router.add_get("/see", see)
        app.add_subapp("/inner", inner)
        async with TestClient(TestServer(app)) as client:
            for count in ("1", "2"):
                assert await (await client.get("/inner/add")).text() == count
            await client.get("/inner/again")
            assert await (await client.get("/inner/see")).json() == {"fresh": True}
            response = await client.get("/inner/nowhere")
            assert response.status == 404
            assert "Vary" not in response.headers

    asyncio.run(talk())


def test_an_application_without_sessions() -> None:
    """It is told how to have them."""
    request = make_mocked_request("GET", "/")
    with pytest.raises(ConfigError, match="setup"):
        asyncio.run(get_session(request))


def test_a_sub_application_with_a_setup_of_its_own() -> None:
    """Its session would take the place of the one that is there, and lose what changed in that."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        (await get_session(request))["hits"] = 1
        return await handler(request)

    async def home(request: web.Request) -> web.Response:
        return web.Response(text=str(dict(await get_session(request))))

    async def get(*, twice: bool) -> tuple[int, str]:
        app, sub = web.Application(), web.Application()
        setup(app, RING)
        app.middlewares.append(count)
        if twice:
            setup(sub, RING)
        sub.router.add_get("/", home)
        app.add_subapp("/sub", sub)
        async with TestClient(TestServer(app)) as client, client.get("/sub/") as response:
            return response.status, await response.text()

    assert asyncio.run(get(twice=False)) == (200, "{'hits': 1}")
    assert asyncio.run(get(twice=True))[0] == 500


def test_revocation() -> None:
    """The store is an argument of `setup`; a stream or handshake that fails is a 503."""
    store = WatchedStore()
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
    ended = codec.decode(codec.encode({}, subject="ada"))
    renewed = codec.renew(ended)
    codec.revoke(ended)
    token = codec.encode({"n": 1}, subject="ada")
    store.forget()

    async def see(request: web.Request) -> web.Response:
        return web.Response(text=str((await get_session(request)).refused))

    async def sign_out(request: web.Request) -> web.StreamResponse:
        (await get_session(request)).clear()
        response = web.StreamResponse()
        if request.match_info["kind"] == "socket":
            response = web.WebSocketResponse()
        response.headers.update({"X-Secret": "1", "Set-Cookie": "a=1"})
        if request.match_info["kind"] == "compressed":
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        raise AssertionError

    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except StoreError:
            return web.Response(status=500, text="oh")

    async def talk() -> None:
        app = web.Application()
        setup(app, RING, policy=POLICY, revocation=store)
        app.middlewares.append(answer_errors)
        app.router.add_get("/see", see)
        app.router.add_get("/sign-out/{kind}", sign_out)
        async with TestClient(TestServer(app)) as client:
            headers = {"Cookie": f"{COOKIE}={renewed}"}
            assert await (await client.get("/see", headers=headers)).text() == "revoked"
            headers = {"Cookie": f"{COOKIE}={token}"}
            with store.down("look_up"):
                response = await client.get("/see", headers=headers)
                assert (response.status, await response.text()) == (503, "Service Unavailable")
            upgrade = {
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            }  # fmt: skip
            with store.down("deny"):
                for kind, more in [("stream", {}), ("compressed", {}), ("socket", upgrade)]:
                    response = await client.get(f"/sign-out/{kind}", headers=headers | more)
                    assert (response.status, await response.text()) == (503, "Service Unavailable")
                    assert "X-Secret" not in response.headers
                    lines = response.headers.getall("Set-Cookie")
                    assert lines == ["a=1", COOKIE + DELETED_BY]
        assert store.in_event_loop == []

    asyncio.run(talk())
    app = web.Application()
    with pytest.raises(ConfigError, match="a manager already has its policy"):
        setup(app, SESSIONS["asking"], revocation=store)


def test_a_503_keeps_the_cookies_of_the_response() -> None:
    """A 503 keeps the response's cookies, which aiohttp turns into headers late."""
    store = WatchedStore()
    codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
    token = codec.encode({}, subject="ada")

    async def sign_out(request: web.Request) -> web.StreamResponse:
        kind, session = request.match_info["kind"], await get_session(request)
        response = web.HTTPFound("/") if kind == "redirect" else web.Response()
        response.set_cookie("b", "2")
        try:
            session.clear()
        except StoreError:
            response.set_status(500)
        if isinstance(response, web.HTTPException):
            raise response
        return response

    async def talk() -> None:
        app = web.Application()
        setup(app, RING, policy=POLICY, revocation=store)
        app.router.add_get("/{kind}", sign_out)
        async with TestClient(TestServer(app)) as client:
            headers = {"Cookie": f"{COOKIE}={token}"}
            for down, kind, own in (
                ("deny", "response", [COOKIE + DELETED_BY]),
                ("deny", "redirect", [COOKIE + DELETED_BY]),
                ("look_up", "response", []),
            ):
                with store.down(down):
                    response = await client.get(f"/{kind}", headers=headers)
                assert response.status == 503
                assert response.headers.getall("Set-Cookie") == ["b=2; Path=/", *own]

    asyncio.run(talk())


def test_a_middleware_answers_for_a_store_that_fails() -> None:
    """A middleware of the application catches aiohttp's own error, and gives the answer."""
    store = WatchedStore()

    @web.middleware
    async def sorry(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPServiceUnavailable:
            return web.Response(status=503, text="later")

    async def home(request: web.Request) -> web.Response:
        return web.Response(text=str((await get_session(request)).subject))

    async def talk() -> None:
        app = web.Application(middlewares=[sorry])
        setup(app, RING, policy=POLICY, revocation=store)
        app.router.add_get("/", home)
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
        headers = {"Cookie": f"{COOKIE}={codec.encode({}, subject='ada')}"}
        async with TestClient(TestServer(app)) as client:
            with store.down("look_up"):
                response = await client.get("/", headers=headers)
            assert (response.status, await response.text()) == (503, "later")
            assert "Set-Cookie" not in response.headers

    asyncio.run(talk())


def test_a_middleware_around_ours_may_answer() -> None:
    """A middleware's own response gets the session's headers of the response that it replaces."""

    @web.middleware
    async def pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            headers = {"Vary": "Accept", "Cache-Control": "public"}
            return web.Response(status=answer.status, headers=headers)

    async def answer(request: web.Request) -> web.Response:
        kind, session = request.match_info["kind"], await get_session(request)
        if kind == "write":
            session["n"] = 1
        if kind != "nothing":
            len(session)
        raise web.HTTPNotFound

    async def talk() -> None:
        app = web.Application(middlewares=[pages])
        setup(app, RING, policy=POLICY)
        app.router.add_get("/{kind}", answer)
        async with TestClient(TestServer(app)) as client:
            for kind, varies, stored, count in (
                ("nothing", "Accept", "public", 0),
                ("read", "Accept, Cookie", "public", 0),
                ("write", "Accept, Cookie", "no-store", 1),
            ):
                response = await client.get(f"/{kind}")
                assert response.status == 404
                assert response.headers["Vary"] == varies
                assert response.headers["Cache-Control"] == stored
                assert len(response.headers.getall("Set-Cookie", ())) == count

    asyncio.run(talk())
