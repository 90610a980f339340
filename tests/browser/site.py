"""A small application whose sessions are seen in a browser, on a real socket."""

from __future__ import annotations

import json
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.adapters.servers import serve_asgi
from tokensession import Cookie, KeyRing, Policy, SessionCodec, SessionManager
from tokensession.adapters.asgi import SessionMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page
    from starlette.requests import Request

    from tokensession.adapters.asgi import Receive, Scope, Send
    from tokensession.web.request_session import RequestSession

POLICY = Policy.owasp()


class Host:
    """The application, reachable under several names, and what its sessions are made by.

    Attributes:
        manager: Makes the sessions; can be replaced, as a restart with another ring does.
        served: How often ``/cached`` and ``/careless`` have been answered.
    """

    def __init__(self, keys: KeyRing, cookie: Cookie) -> None:
        self.cookie = cookie
        self.use(keys)
        self.port = 0
        self.served = 0

    def use(self, keys: KeyRing) -> None:
        """Take another ring."""
        self.codec: SessionCodec[Any] = SessionCodec(
            keys, context=self.cookie.context, policy=POLICY
        )
        self.manager = SessionManager(self.codec, cookie=self.cookie)

    def url(self, path: str, host: str = "localhost") -> str:
        """Return the address of a path under one of the names."""
        return f"http://{host}:{self.port}{path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await SessionMiddleware(self._pages(), self.manager)(scope, receive, send)

    def _pages(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", show),
                Route("/set", set_values),
                Route("/sign-in", sign_in),
                Route("/sign-out", sign_out),
                Route("/received", received, methods=["GET", "POST"]),
                Route("/raw", raw),
                Route("/links", links),
                Route("/cached", self.cached),
                Route("/careless", self.careless),
                Route("/private", private),
            ]
        )

    async def cached(self, request: Request) -> Response:
        """Answer whose session it is, for caches to keep."""
        self.served += 1
        session: RequestSession[Any] = request.scope["session"]
        return _page(str(session.subject), "private, max-age=3600")

    async def careless(self, request: Request) -> Response:
        """Answer the same for caches to keep, but from the cookie itself, so without Vary."""
        self.served += 1
        session = self.manager.open(request.scope["headers"])
        return _page(str(session.subject), "private, max-age=3600")


@contextmanager
def serve(*, cookie: Cookie | None = None, keys: KeyRing | None = None) -> Iterator[Host]:
    """Serve the application."""
    host = Host(keys or KeyRing.generate(), cookie or Cookie())
    with serve_asgi(host) as site:
        host.port = int(site.url.rpartition(":")[2])
        yield host


def text_at(tab: Page, url: str) -> str:
    """Return what a page says."""
    response = tab.goto(url)
    assert response is not None
    assert response.status == 200
    return tab.locator("pre").inner_text()


def seen(tab: Page, host: Host, name: str = "localhost") -> dict[str, Any]:
    """Return the session that the application sees in this tab."""
    session: dict[str, Any] = json.loads(text_at(tab, host.url("/", name)))
    return session


def kept(profile: BrowserContext) -> dict[str, str]:
    """Return the cookies of the profile."""
    return {cookie.get("name", ""): cookie.get("value", "") for cookie in profile.cookies()}


async def show(request: Request) -> Response:
    """Answer what the session is."""
    session: RequestSession[Any] = request.scope["session"]
    seen = {
        "state": session.state,
        "subject": session.subject,
        "refused": session.refused,
        "sid": session.sid.hex(),
        "kid": session.kid,
        "issued_at": session.issued_at,
    }
    return _page(json.dumps(seen))


async def set_values(request: Request) -> Response:
    """Put the query into the state."""
    request.scope["session"].update(request.query_params)
    return _page("")


async def sign_in(request: Request) -> Response:
    """Sign in the user that the query names."""
    request.scope["session"].sign_in(request.query_params["name"])
    return _page("")


async def sign_out(request: Request) -> Response:
    """Sign out."""
    request.scope["session"].clear()
    return _page("")


async def received(request: Request) -> Response:
    """Answer the Cookie header as it came, without touching the session."""
    return PlainTextResponse(request.headers.get("cookie", "none"))


async def raw(request: Request) -> Response:
    """Set a cookie as the query says, without touching the session."""
    return HTMLResponse("", headers={"set-cookie": request.query_params["cookie"]})


async def links(request: Request) -> Response:
    """Answer a form, a link and a frame that lead to the query's address."""
    to = escape(request.query_params["to"])
    return HTMLResponse(
        f'<!doctype html><link rel="icon" href="data:,"><form method="post" action="{to}">'
        f'<button>Send</button></form><a href="{to}">Go</a><iframe src="{to}"></iframe>'
    )


async def private(request: Request) -> Response:
    """Answer whose session it is, for no cache to keep, not even the browser's back button."""
    return _page(str(request.scope["session"].subject), "no-store")


def _page(text: str, cache_control: str = "") -> Response:
    headers = {"cache-control": cache_control} if cache_control else {}
    # An icon of its own, so that the browser asks for no other.
    return HTMLResponse(
        f'<!doctype html><link rel="icon" href="data:,"><pre>{escape(text)}</pre>', headers=headers
    )
