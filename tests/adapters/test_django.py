"""Django's engine and middleware, under WSGI and ASGI."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest
from django.core.signals import got_request_exception

from tokensession import ConfigError
from tokensession.adapters import asgi, wsgi

from .conformance import (
    CUT_OFF,
    SESSIONS,
    Conformance,
    RaisesFailures,
    cookies,
    start_cookie,
    unique,
)
from .django_site import asgi_application, wsgi_application
from .servers import Site, serve_asgi, serve_wsgi
from .test_bare_wsgi import WSGI_NOTES, WSGI_UNABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest


@contextlib.contextmanager
def noting(site: Site) -> Iterator[None]:
    """Note what Django reports, which it answers itself."""

    def note(sender: object, request: HttpRequest | None = None, **_: object) -> None:
        error = sys.exc_info()[1]
        if request is not None and error is not None:
            site.failed(request.get_full_path(), error)

    got_request_exception.connect(note)
    try:
        yield
    finally:
        got_request_exception.disconnect(note)


class TestDjango(Conformance, RaisesFailures):
    title = "Django, WSGI"
    unable = WSGI_UNABLE
    notes = WSGI_NOTES
    sees_several_cookie_lines = False

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app = wsgi.SessionMiddleware(wsgi_application(), SESSIONS["admin"], environ_key="admin")
        with serve_wsgi(app) as site, noting(site):
            yield site


class TestDjangoASGI(Conformance, RaisesFailures):
    title = "Django, ASGI"
    unable: ClassVar = {
        "WebSockets": "Django has none of its own",
        "BackgroundTasks": "Django has nothing that runs after the response",
    }
    notes: ClassVar = CUT_OFF

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls) -> Iterator[Site]:
        """Serve the application."""
        app: Any = asgi.SessionMiddleware(asgi_application(), SESSIONS["admin"], scope_key="admin")
        with serve_asgi(app) as site, noting(site):
            yield site

    def test_a_nested_change_after_the_first_byte(self, site: Site) -> None:
        """It is found at the end of the body, which is cut off there."""
        path = unique("/stream/nested_late")
        with pytest.raises(httpx.RemoteProtocolError):
            site.get(path, *cookies(start_cookie("anonymous")))
        assert isinstance(site.failure(path), ConfigError)
