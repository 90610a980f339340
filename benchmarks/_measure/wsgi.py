"""A Flask and a Django application, each under three kinds of session, driven in process."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import django
import flask
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from _measure.peers import SECRET
from _measure.rounds import Task
from _measure.states import TYPICAL
from _measure.web import BROWSER, COUNTER, READ, Kind
from tokensession import KeyRing
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from django.http import HttpRequest

NONE: Final = "no session"
THEIRS: Final = "its own"
OWN: Final = "tokensession"
LANES: Final = (NONE, THEIRS, OWN)
_NOTHING: Final = io.BytesIO()  # a request's body: none
BODY: Final = str(TYPICAL.value[READ])

App = Any  # a WSGI application


@dataclass
class WSGISite:
    """An application with one kind of session, and a browser that is signed in.

    Attributes:
        framework: Its name.
        lane: The kind of session.
        app: The application.
        around: Entered before requests, and left after them. It costs a request nothing.
        cookie: What the browser sends.
    """

    framework: str
    lane: str
    app: App
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    cookie: str = ""

    def __post_init__(self) -> None:
        if self.lane == NONE:
            for kind in Kind:
                headers, body = self.ask(kind.path)
                assert headers.keys().isdisjoint({"Set-Cookie", "Vary"})
                assert body == BODY
        else:
            headers, _ = self.ask("/begin")
            self.cookie = _cookie_of(headers)
            self._check()

    def environ(self, page: str) -> dict[str, Any]:
        """Return a fresh environ, as a server makes it."""
        made: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": page,
            "QUERY_STRING": "",
            "SERVER_NAME": "shop.example.com",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": _NOTHING,
            "wsgi.errors": None,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in BROWSER:
            made["HTTP_" + name.decode().replace("-", "_").upper()] = value.decode()
        if self.cookie:
            made["HTTP_COOKIE"] = self.cookie
        return made

    def serve(self, environ: dict[str, Any]) -> None:
        """Let the application answer, and forget what it says."""
        body = self.app(environ, _forget)
        for _ in body:
            pass
        body.close()

    def ask(self, page: str) -> tuple[dict[str, str], str]:
        """Return headers and body of an answer."""
        headers: dict[str, str] = {}

        def start(status: str, given: list[tuple[str, str]], _: object = None) -> None:
            assert status.startswith("200"), status
            headers.update({name.title(): value for name, value in given})

        with self.around():
            body: Iterable[bytes] = self.app(self.environ(page), start)
            return headers, b"".join(body).decode()

    def task(self, kind: Kind) -> Task:
        """Return what is to be timed."""

        def prepare(calls: int) -> tuple[Callable[[Any], object], Sequence[Any]]:
            return self.serve, [self.environ(kind.path) for _ in range(calls)]

        return Task(f"{self.framework}, {kind}", self.lane, prepare, self.around)

    def _check(self) -> None:
        """Make sure that the session does what is timed, and no less."""
        headers, _ = self.ask(Kind.UNTOUCHED.path)
        assert headers.keys().isdisjoint({"Set-Cookie", "Vary"})
        headers, body = self.ask(Kind.READ.path)
        assert "Set-Cookie" not in headers
        assert headers["Vary"] == "Cookie"
        assert body == BODY
        first, cookies = self.cookie, {self.cookie}
        for _ in range(2):
            headers, body = self.ask(Kind.WRITE.path)
            assert headers["Vary"] == "Cookie"
            assert body == BODY
            self.cookie = _cookie_of(headers)
            cookies.add(self.cookie)
        assert len(cookies) == 3  # noqa: PLR2004  # the counter went up twice
        self.cookie = first


def all_sites() -> list[WSGISite]:
    """Return every application under every kind of session."""
    sites = [WSGISite("Flask", lane, _flask(lane)) for lane in LANES]
    for lane in LANES:
        app, pages = _django(lane), WITHOUT if lane == NONE else WITH
        sites.append(WSGISite("Django", lane, app, partial(_serving, pages)))
    return sites


def _cookie_of(headers: dict[str, str]) -> str:
    """Return what a browser sends back: Django sets it behind a blank, which browsers strip."""
    return headers["Set-Cookie"].partition(";")[0].strip()


def _forget(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
    """Take the beginning of a response, as a server would."""


def _flask(lane: str) -> App:
    app = flask.Flask("benchmark")
    if lane == THEIRS:
        app.secret_key = SECRET
    elif lane == OWN:
        app.session_interface = SessionInterface(KeyRing.generate())

    def read() -> str:
        return str(flask.session[READ])

    def write() -> str:
        flask.session[COUNTER] += 1
        return str(flask.session[READ])

    def begin() -> str:
        flask.session.update(TYPICAL.value)
        return ""

    def untouched() -> str:
        return BODY

    pages = {Kind.READ: read, Kind.WRITE: write} if lane != NONE else {}
    for kind in Kind:
        app.add_url_rule(kind.path, kind.name, pages.get(kind, untouched))
    app.add_url_rule("/begin", "begin", begin)
    return app


def _untouched(_: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY)


def _read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session[READ])


def _write(request: HttpRequest) -> HttpResponse:
    request.session[COUNTER] += 1
    return HttpResponse(request.session[READ])


def _begin(request: HttpRequest) -> HttpResponse:
    request.session.update(TYPICAL.value)
    return HttpResponse()


_PAGES: Final = {Kind.UNTOUCHED: _untouched, Kind.READ: _read, Kind.WRITE: _write}
# The same paths in the same order, so that finding a page costs each lane the same.
WITH: Final = (
    *(path(kind.path[1:], page) for kind, page in _PAGES.items()),
    path("begin", _begin),
)
WITHOUT: Final = (
    *(path(kind.path[1:], _untouched) for kind in _PAGES),
    path("begin", _untouched),
)


@contextmanager
def _serving(pages: tuple[Any, ...]) -> Iterator[None]:
    """Let Django serve these pages; it keeps the resolvers of all, so none is built anew."""
    settings.ROOT_URLCONF = pages
    yield


def _django(lane: str) -> App:
    if not settings.configured:
        settings.configure(
            SECRET_KEY=SECRET,
            ALLOWED_HOSTS=["shop.example.com"],
            ROOT_URLCONF=WITH,
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            TOKENSESSION_KEYS=KeyRing.generate(),
            LOGGING_CONFIG=None,
        )
        django.setup()
    middleware = {
        NONE: [],
        THEIRS: ["django.contrib.sessions.middleware.SessionMiddleware"],
        OWN: ["tokensession.adapters.django.SessionMiddleware"],
    }
    with override_settings(MIDDLEWARE=middleware[lane]):
        return get_wsgi_application()
