"""What applications put into the place of their session, outside of Litestar."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware, sessions
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from tokensession import ConfigError, KeyRing, StoreError
from tokensession.adapters import replaced
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import COOKIE

if TYPE_CHECKING:
    from starlette.requests import Request

_SESSION: type = getattr(sessions, "Session", dict)  # older versions use a dict
THEIRS = f"{_SESSION.__module__}.{_SESSION.__qualname__}"


async def page(request: Request) -> PlainTextResponse:
    """Change the session."""
    request.session["user"] = "ada"
    return PlainTextResponse("x")


def client_of(*inside: Middleware, route: Any = page, **options: Any) -> TestClient:
    """Return a client of an application with our middleware around others."""
    inner = Starlette(routes=[Route("/", route)], middleware=inside)
    outer = Starlette(
        routes=[Mount("/", inner)],
        middleware=[Middleware(SessionMiddleware, KeyRing.generate(), **options)],
    )
    return TestClient(outer, base_url="https://test")


@pytest.mark.parametrize("listed", [False, True])
def test_a_second_middleware_is_warned_of_once(
    listed: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The warning names the other session's type, and where its state travels."""
    monkeypatch.setattr(replaced, "_warned", set())
    options = {"revocation": MemoryStore()} if listed else {}
    client = client_of(Middleware(StarletteSessions, secret_key="x"), **options)
    with caplog.at_level(logging.WARNING, "tokensession"):
        for _ in range(3):
            assert "session=" in client.get("/").headers["set-cookie"]
    (record,) = [found for found in caplog.records if "second session" in found.getMessage()]
    assert f"(of {THEIRS})" in record.getMessage()
    assert COOKIE not in client.cookies


@pytest.mark.parametrize("listed", [False, True])
def test_one_around_ours_is_warned_of_once(
    listed: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The warning comes before the other middleware fails to write our session."""
    monkeypatch.setattr(replaced, "_warned", set())
    options: Any = {"revocation": MemoryStore()} if listed else {}
    app = Starlette(
        routes=[Route("/", page)],
        middleware=[
            Middleware(StarletteSessions, secret_key="x"),
            Middleware(SessionMiddleware, KeyRing.generate(), **options),
        ],
    )
    client = TestClient(app, base_url="https://test")
    with caplog.at_level(logging.WARNING, "tokensession"):
        for _ in range(2):
            with pytest.raises(TypeError, match="not JSON serializable"):
                client.get("/")
    (record,) = [found for found in caplog.records if "second session" in found.getMessage()]
    assert f"(of {THEIRS})" in record.getMessage()


def test_a_mounted_application_with_our_middleware_is_not_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has a session of its own, in a cookie of its own."""
    client = client_of(
        Middleware(SessionMiddleware, KeyRing.generate(), cookie_name="__Host-inner")
    )
    with caplog.at_level(logging.WARNING, "tokensession"):
        client.get("/")
    assert not caplog.records
    assert [*client.cookies] == ["__Host-inner"]


@pytest.mark.parametrize("value", [None, 7, "session"])
def test_a_session_that_is_taken_out_raises_before_the_response(value: Any) -> None:
    """The application believes that it has ended the session."""

    async def take_out(request: Request) -> PlainTextResponse:
        request.scope["session"] = value
        return PlainTextResponse("x")

    with pytest.raises(ConfigError, match="removed from the scope"):
        client_of(route=take_out).get("/")


def test_marking_a_session_as_starlette_does() -> None:
    """Neither accessing nor marking sets a cookie; a change does."""

    async def mark(request: Request) -> PlainTextResponse:
        session: Any = request.session
        told = [session.modified]
        session.mark_accessed()
        session.mark_modified()
        return PlainTextResponse(repr([*told, session.modified]))

    client = client_of(route=mark)
    answer = client.get("/")
    assert answer.text == "[False, True]"
    assert "set-cookie" not in answer.headers


def test_modified_asks_nothing_of_a_store_that_is_down() -> None:
    """A session that nothing has opened has not changed."""

    class Down(MemoryStore):
        def look_up(self, sid: bytes, subject: bytes | None) -> Any:
            raise StoreError("down")

    async def look(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.session.modified))  # type: ignore[attr-defined]

    client = client_of(route=look, revocation=Down())
    client.cookies.set(COOKIE, "junk", domain="test.local")
    assert client.get("/").text == "False"
