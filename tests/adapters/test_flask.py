"""Flask's session interface."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import flask
import msgspec
import pytest
from flask import Flask, Response, flash, get_flashed_messages, got_request_exception, request
from flask.sessions import SessionInterface as AnyInterface

from tokensession import (
    ConfigError,
    Cookie,
    Header,
    KeyRing,
    Policy,
    SessionCodec,
    SessionManager,
    decode,
)
from tokensession.adapters.flask import SessionInterface
from tokensession.adapters.wsgi import SessionMiddleware

from .conformance import (
    COOKIE,
    DELETED_BY,
    ERRORS_INSIDE,
    READER_COOKIE,
    RING,
    SESSIONS,
    Answer,
    Conformance,
    Handled,
    RaisesFailures,
    answer_to,
    stream,
)
from .servers import Site, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


class ByPath(AnyInterface):
    """Flask has one session; the suite's sessions are those of different paths.

    The one that it asks for beside another is the WSGI middleware's.
    """

    interfaces = {key: SessionInterface(manager) for key, manager in SESSIONS.items()}  # noqa: RUF012

    def _interface(self) -> SessionInterface:
        return self.interfaces["reader" if request.path.startswith("/reader/") else "session"]

    def open_session(self, app: Flask, request: flask.Request) -> Any:
        """Open that of the path."""
        reader = request.path.startswith("/reader/")
        return self.interfaces["reader" if reader else "session"].open_session(app, request)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Save it."""
        self._interface().save_session(app, session, response)


def of(key: str) -> Any:
    """Return a session of the request."""
    return request.environ["admin"] if key == "admin" else flask.session


def respond(given: Answer) -> Response:
    """Return a response of Flask's."""
    return Response(given.body, given.status, dict(given.headers))


def application() -> Flask:
    """Return an application with the paths of the conformance suite."""
    app = Flask("conformance")
    app.session_interface = ByPath()

    @app.get("/<kind>/<name>")
    def operation(kind: str, name: str) -> Response:
        return respond(answer_to(of, kind, name, request.args))

    @app.get("/stream/<name>")
    def streaming(name: str) -> Response:
        chunks = stream(flask.session._get_current_object(), name)  # type: ignore[attr-defined]
        return Response(chain([next(chunks)], chunks))

    @app.errorhandler(Handled)
    def handled(error: Handled) -> tuple[str, int]:
        return "handled", 409

    return app


class TestFlask(Conformance, RaisesFailures):
    title = "Flask"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES | ERRORS_INSIDE
    sees_several_cookie_lines = False
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = application()
        app.wsgi_app = SessionMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, SESSIONS["admin"], environ_key="admin"
        )
        with serve_wsgi(app, until_closed=(COOKIE, READER_COOKIE)) as site:

            def note(sender: Flask, exception: BaseException, **_: object) -> None:
                site.failed(request.full_path.rstrip("?"), exception)

            with got_request_exception.connected_to(note, app):
                yield site
