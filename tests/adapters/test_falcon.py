"""The WSGI middleware around a Falcon application."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import falcon
import pytest

from .conformance import (
    ERRORS_INSIDE,
    Conformance,
    Handled,
    Overflowing,
    RaisesFailures,
    Revocation,
    answer_to,
    headers_of,
    stream,
)
from .servers import Site, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE, with_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator


class Operation:
    """Answers ``/KIND/NAME``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, kind: str, name: str) -> None:
        """Answer GET."""

        def of(key: str) -> Any:
            return req.env["tokensession.session" if key == "session" else key]

        query = {key: value for key, value in req.params.items() if isinstance(value, str)}
        given = answer_to(of, kind, name, query)
        resp.status, resp.text = str(given.status), given.body
        resp.set_headers(given.headers)

    on_head = on_get


class Streaming:
    """Answers ``/stream/NAME``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Answer GET."""
        chunks = stream(req.env["tokensession.session"], name)
        resp.set_headers(headers_of({k: v for k, v in req.params.items() if isinstance(v, str)}))
        resp.stream = chain([next(chunks)], chunks)

    on_post = on_get


def handled(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    """Answer an error that the application knows."""
    resp.status, resp.text = "409", "handled"


class TestFalcon(Conformance, Revocation, Overflowing, RaisesFailures):
    title = "Falcon"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES | ERRORS_INSIDE
    sees_several_cookie_lines = False
    answers_unforeseen_errors_inside = True

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: falcon.App[Any, Any] = falcon.App()
        # A value such as "private, no-store" is one, not two.
        app.req_options.auto_parse_qs_csv = False
        app.add_error_handler(Handled, handled)
        app.add_route("/stream/{name}", Streaming())
        app.add_route("/{kind}/{name}", Operation())
        with serve_wsgi(with_sessions(app)) as site:
            yield site
