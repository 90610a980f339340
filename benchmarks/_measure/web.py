"""One Starlette application under three kinds of session middleware, driven in process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from _measure.bare import BareSessions
from _measure.peers import SECRET
from _measure.rounds import Task
from _measure.states import TYPICAL
from tokensession import KeyRing
from tokensession.adapters.asgi import SessionMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

COUNTER: Final = "seen_at"  # of the state; a number that keeps its length when it goes up by one
READ: Final = "email"
BROWSER: Final = (
    (b"host", b"shop.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.7,de;q=0.3"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"referer", b"https://shop.example.com/cart"),
    (b"connection", b"keep-alive"),
    (b"sec-fetch-site", b"same-origin"),
)

Headers = list[tuple[bytes, bytes]]


class Lane(StrEnum):
    """What stands in front of the application."""

    NONE = "no middleware"
    STARLETTE = "Starlette"
    OWN = "tokensession"
    BARE = "bare prototype"


class Kind(StrEnum):
    """What a request does to its session."""

    UNTOUCHED = "untouched"
    READ = "read only"
    WRITE = "read + write"

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return f"/{self.name.lower()}"


@dataclass(frozen=True)
class Answer:
    """What an application sent.

    Attributes:
        headers: Of the response.
        body: Of the response.
    """

    headers: Headers
    body: bytes

    def cookie(self) -> bytes | None:
        """Return what a browser would send back, or None when nothing is set."""
        lines = [value for name, value in self.headers if name.lower() == b"set-cookie"]
        return lines[0].partition(b";")[0] if lines else None

    def varies(self) -> bool:
        """Tell whether the response depends on cookies."""
        return (b"vary", b"Cookie") in self.headers


class Site:
    """The application with one middleware, and a browser that is signed in.

    Args:
        lane: The middleware.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.app = Starlette(routes=_routes(lane), middleware=_middleware(lane))
        self.headers: Headers = [*BROWSER]
        if lane is not Lane.NONE:
            cookie = self.ask("/begin").cookie()
            assert cookie is not None
            self.headers.append((b"cookie", cookie))
            _check(self)

    def scope(self, path: str) -> dict[str, Any]:
        """Return a fresh scope, as a server makes it."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [*self.headers],
            "client": ("192.0.2.7", 50118),
            "server": ("192.0.2.1", 443),
            "state": {},
        }

    def serve(self, scope: dict[str, Any]) -> None:
        """Let the application answer, and forget what it says."""
        _run(self.app(scope, _receive, _forget))

    def ask(self, path: str) -> Answer:
        """Return what the application answers."""
        messages: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        _run(self.app(self.scope(path), _receive, keep))
        start, *parts = messages
        assert start["status"] == 200  # noqa: PLR2004  # OK
        return Answer([*start["headers"]], b"".join(part["body"] for part in parts))

    def task(self, kind: Kind) -> Task:
        """Return what is to be timed."""

        def prepare(calls: int) -> tuple[Callable[[Any], object], Sequence[Any]]:
            return self.serve, [self.scope(kind.path) for _ in range(calls)]

        return Task(kind, self.lane, prepare)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _forget(message: MutableMapping[str, Any]) -> None:
    """Take a message, as a server would."""


def _run(answering: Awaitable[None]) -> None:
    """Run a request to its end, inside the one loop and task in which everything runs.

    Nothing here waits for anything, so no request ever gives way to another.
    """
    asyncio.get_running_loop()
    for _ in answering.__await__():
        raise RuntimeError("the application waited for something")


def _routes(lane: Lane) -> list[Route]:
    """Return the pages; without a middleware, those that use a session do without it."""
    pages: dict[str, Callable[[Request], Awaitable[Response]]] = {Kind.UNTOUCHED.path: _untouched}
    if lane is Lane.NONE:
        pages |= {kind.path: _untouched for kind in Kind}
    else:
        pages |= {Kind.READ.path: _read, Kind.WRITE.path: _write, "/begin": _begin}
    return [Route(path, page) for path, page in pages.items()]


def _middleware(lane: Lane) -> list[Middleware]:
    if lane is Lane.STARLETTE:
        return [Middleware(StarletteSessions, secret_key=SECRET, https_only=True)]
    if lane is Lane.OWN:
        return [Middleware(SessionMiddleware, KeyRing.generate())]
    if lane is Lane.BARE:
        return [Middleware(BareSessions)]
    return []


async def _untouched(_: Request) -> PlainTextResponse:
    return PlainTextResponse("grace.hopper@example.com")


async def _read(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.session[READ])


async def _write(request: Request) -> PlainTextResponse:
    session = request.session
    session[COUNTER] += 1
    return PlainTextResponse(session[READ])


async def _begin(request: Request) -> PlainTextResponse:
    request.session.update(TYPICAL.value)
    return PlainTextResponse("")


def _check(site: Site) -> None:
    """Make sure that a middleware does what is timed, and no less.

    Writing is asked twice: the second request sends what the first was given.
    """
    untouched, read = site.ask(Kind.UNTOUCHED.path), site.ask(Kind.READ.path)
    assert untouched.cookie() is None
    assert not untouched.varies()
    assert read.cookie() is None
    assert read.varies()
    assert read.body.decode() == TYPICAL.value[READ]
    first = site.headers
    cookies = {first[-1][1]}
    for _ in range(2):
        written = site.ask(Kind.WRITE.path)
        cookie = written.cookie()
        assert cookie is not None
        assert written.varies()
        assert written.body.decode() == TYPICAL.value[READ]
        cookies.add(cookie)
        site.headers = [*BROWSER, (b"cookie", cookie)]
    assert len(cookies) == 3  # noqa: PLR2004  # the counter went up twice
    site.headers = first
