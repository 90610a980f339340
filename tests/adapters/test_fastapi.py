"""The ASGI middleware in a FastAPI application, with untyped and typed sessions."""

from collections.abc import Iterator  # FastAPI reads annotations when it runs
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, cast

import pytest
from fastapi import BackgroundTasks as Tasks
from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from tokensession import Session, SessionCodec
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.web.manager import SessionManager

from .conformance import (
    CODEC,
    DELETED,
    POLICY,
    READ,
    RING,
    SESSIONS,
    SET,
    UNTOUCHED,
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
    check_headers,
    cookies,
    headers_of,
    note_after,
    run_late,
    stream,
    token_of,
)
from .servers import Site, serve_asgi


def session_of(request: Request) -> Session[Any]:
    """Give the session as a dependency."""
    return cast("Session[Any]", request.session)


AnySession = Annotated[Session[Any], Depends(session_of)]


def respond(given: Answer) -> Response:
    """Return a response of FastAPI's."""
    return Response(given.body, given.status, dict(given.headers))


def application() -> FastAPI:
    """Return an application with the paths of the conformance suite."""
    app = FastAPI()

    @app.api_route("/op/{name}", methods=["GET", "HEAD"])
    def operation(name: str, request: Request, session: AnySession, tasks: Tasks) -> Response:
        tasks.add_task(note_after, request.scope.__getitem__, request.url.path)
        return respond(answer(session, name, request.query_params))

    @app.api_route("/stream/{name}", methods=["GET", "POST"])
    async def streaming(name: str, request: Request, session: AnySession) -> Response:
        chunks = stream(session, name)
        headers = dict(headers_of(request.query_params))
        return StreamingResponse(chain([next(chunks)], chunks), headers=headers)

    @app.get("/background/{name}")
    async def background(name: str, session: AnySession, tasks: Tasks) -> dict[str, str]:
        if name == "before":
            answer(session, "set_new", {})
        else:
            tasks.add_task(answer, session, name, {})
        return {}

    @app.get("/{kind}/{name}")
    async def other(kind: str, name: str, request: Request, tasks: Tasks) -> Response:
        tasks.add_task(note_after, request.scope.__getitem__, request.url.path)
        return respond(answer_to(request.scope.__getitem__, kind, name, {}))

    @app.websocket("/ws/{name}")
    async def socket(websocket: WebSocket, name: str) -> None:
        text = run_late(websocket.session, name)
        await websocket.accept()
        await websocket.send_text(text)
        await websocket.close()

    @app.websocket("/ws-late/{name}")
    async def late_socket(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        await websocket.send_text(run_late(websocket.session, name))
        await websocket.close()

    @app.exception_handler(Handled)
    async def handled(request: Request, error: Exception) -> Response:
        return Response("handled", 409)

    for key, manager in SESSIONS.items():
        app.add_middleware(SessionMiddleware, manager, scope_key=key)
    return app


class TestFastAPI(
    Conformance, Revocation, Overflowing, RaisesFailures, BackgroundTasks, WebSockets
):
    title = "FastAPI"

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        with serve_asgi(application()) as site:
            yield site


# -- a typed session ------------------------------------------------------------------------


@dataclass
class Basket:
    """The state of a shop."""

    items: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)


TYPED: SessionCodec[Basket] = SessionCodec(RING, policy=POLICY, state_type=Basket)


def basket_session(request: Request) -> Session[Basket]:
    """Give the typed session."""
    return cast("Session[Basket]", request.session)


def signed_in(session: Annotated[Session[Basket], Depends(basket_session)]) -> Session[Basket]:
    """Give the typed session of someone who has signed in."""
    if session.subject is None:
        raise HTTPException(401)
    return session


BasketSession = Annotated[Session[Basket], Depends(basket_session)]
SignedIn = Annotated[Session[Basket], Depends(signed_in)]


def shop() -> FastAPI:
    """Return an application whose session is typed."""
    app = FastAPI()

    @app.get("/items")
    def items(session: BasketSession) -> list[str]:
        return session.state.items

    @app.get("/dependency-only")
    def dependency_only(session: BasketSession) -> str:
        return "untouched"

    @app.get("/add/{item}")
    def add(item: str, session: BasketSession) -> None:
        session.state.items.append(item)
        session.state.tags.add("new")

    @app.get("/replace")
    def replace(session: BasketSession) -> None:
        session.state = Basket(["replaced"])

    @app.get("/sign-in")
    def sign_in(session: BasketSession) -> None:
        session.sign_in(42)

    @app.get("/sign-out")
    def sign_out(session: BasketSession) -> None:
        session.clear()

    @app.get("/account")
    def account(session: SignedIn) -> Any:
        return session.subject

    app.add_middleware(SessionMiddleware, SessionManager(TYPED))
    return app


class TestTypedSession:
    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the shop."""
        with serve_asgi(shop()) as site:
            yield site

    def test_a_new_session_has_the_defaults(self, site: Site) -> None:
        """Reading it sets nothing."""
        response = site.get("/items")
        assert response.json() == []
        check_headers(response, READ)

    def test_a_dependency_alone_does_not_open_it(self, site: Site) -> None:
        """Only what touches the session varies by it."""
        check_headers(site.get("/dependency-only"), UNTOUCHED)

    def test_attributes_are_the_state(self, site: Site) -> None:
        """A change inside of the user's own type is written."""
        response = site.get("/add/tea")
        check_headers(response, SET)
        token = token_of(response)
        assert TYPED.decode(token).state == Basket(["tea"], {"new"})
        response = site.get("/add/coffee", *cookies(token))
        assert TYPED.decode(token_of(response)).state.items == ["tea", "coffee"]

    @pytest.mark.parametrize("state", [None, Basket(["tea"])])
    def test_the_state_is_replaced_as_a_whole(self, site: Site, state: Basket | None) -> None:
        """Assigning it is a change like any other, read before or not."""
        token = None if state is None else TYPED.encode(state)
        response = site.get("/replace", *cookies(token))
        check_headers(response, SET)
        assert TYPED.decode(token_of(response)).state == Basket(["replaced"])

    def test_sign_in_and_out(self, site: Site) -> None:
        """Who has signed in gets in, and after signing out does not."""
        assert site.get("/account").status_code == 401
        response = site.get("/sign-in", *cookies(TYPED.encode(Basket(["tea"]))))
        token = token_of(response)
        assert TYPED.decode(token).state == Basket(["tea"])
        assert site.get("/account", *cookies(token)).json() == 42
        check_headers(site.get("/sign-out", *cookies(token)), DELETED)

    def test_a_state_of_another_type_is_no_session(self, site: Site) -> None:
        """It is refused, and left alone until the application writes."""
        token = CODEC.encode({"items": "tea"})
        response = site.get("/items", *cookies(token))
        assert response.json() == []
        check_headers(response, READ)
        check_headers(site.get("/add/tea", *cookies(token)), SET)
