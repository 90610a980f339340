"""The WSGI middleware around a Bottle application."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from bottle import Bottle, HTTPResponse, request, response

from .conformance import (
    ERRORS_INSIDE,
    Answer,
    Conformance,
    Handled,
    Overflowing,
    Revocation,
    answer_to,
    headers_of,
    stream,
)
from .servers import Site, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE, with_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator


def of(key: str) -> Any:
    """Return a session of the request."""
    return request.environ["tokensession.session" if key == "session" else key]


def operation(kind: str, name: str) -> HTTPResponse:
    """Answer ``/KIND/NAME``."""
    try:
        given = answer_to(of, kind, name, request.query)
    except Handled:
        given = Answer("handled", 409)
    return HTTPResponse(given.body, given.status, headers=dict(given.headers))


def streaming(name: str) -> Iterator[bytes]:
    """Answer ``/stream/NAME``."""
    chunks = stream(of("session"), name)
    response.headers.update(headers_of(request.query))
    return chain([next(chunks)], chunks)


class TestBottle(Conformance, Revocation, Overflowing):
    title = "Bottle"
    unable = WSGI_UNABLE | {
        "RaisesFailures": "Bottle answers every error itself, and writes it to its own log"
    }
    notes = WSGI_NOTES | ERRORS_INSIDE
    sees_several_cookie_lines = False
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = Bottle()
        app.route("/stream/<name>", ["GET", "POST"], callback=streaming)
        app.route("/<kind>/<name>", callback=operation)
        with serve_wsgi(with_sessions(app)) as site:
            yield site
