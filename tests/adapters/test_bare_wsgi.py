"""The WSGI middleware under an application without a framework."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tokensession.adapters.wsgi import SessionMiddleware

from .conformance import (
    SESSIONS,
    Answer,
    Conformance,
    Handled,
    RaisesFailures,
    answer_to,
    stream,
)
from .servers import Site, serve_wsgi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensession.adapters.wsgi import App, Environ, StartResponse

WSGI_UNABLE = {
    "WebSockets": "WSGI has none",
    "BackgroundTasks": "WSGI has nothing that runs after the response",
}
WSGI_NOTES = {
    "test_the_cookie_is_found_among_others": (
        "WSGI servers join several Cookie lines with a comma, which no browser sends: no session"
    ),
    "test_duplicates_of_the_name": "likewise, in several lines; in one line as everywhere",
}


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the paths of the conformance suite."""
    kind, _, name = environ["PATH_INFO"].lstrip("/").partition("/")

    def of(key: str) -> Any:
        return environ["tokensession.session" if key == "session" else key]

    if kind == "stream":
        chunks = stream(of("session"), name)
        first = next(chunks)
        start_response("200 OK", [])
        return itertools.chain((first,), chunks)
    try:
        given = answer_to(of, kind, name, dict(parse_qsl(environ["QUERY_STRING"])))
    except Handled:
        given = Answer("handled", 409)
    start_response(f"{given.status} Status", list(given.headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [given.body.encode()]


def with_sessions(app: App) -> App:
    """Return the application with all of the suite's sessions."""
    for key, manager in SESSIONS.items():
        environ_key = "tokensession.session" if key == "session" else key
        app = SessionMiddleware(app, manager, environ_key=environ_key)
    return app


class TestBareWSGI(Conformance, RaisesFailures):
    title = "WSGI"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES
    sees_several_cookie_lines = False

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        with serve_wsgi(with_sessions(application)) as site:
            yield site


def test_an_error_page_in_place_of_a_response() -> None:
    """It says that it depends on the session, and carries nothing of it."""
    seen: list[list[tuple[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        seen.append(headers)

    def failing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["tokensession.session"]["n"] = 1
        start_response("200 OK", [])
        start_response("500 Oh", [("X-Error", "1")], (ValueError, ValueError(), None))
        return [b""]

    body = SessionMiddleware(failing, SESSIONS["session"])({}, start)
    assert list(body) == [b""]
    first, second = (dict(headers) for headers in seen)
    assert "set-cookie" in first
    assert second == {"X-Error": "1", "vary": "Cookie"}
