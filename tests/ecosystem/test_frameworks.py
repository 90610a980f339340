"""BlackSheep, Sanic and CherryPy by the lines of docs/frameworks."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from . import environments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .browsers import Browser


@pytest.mark.parametrize(
    ("page", "kind"), [("blacksheep", "asgi"), ("sanic", "asgi"), ("cherrypy", "wsgi")]
)
def test_a_copied_cookie_is_dead_after_signing_out(
    page: str, kind: str, serve: Callable[..., str], browser: Callable[[str], Browser]
) -> None:
    """The quick start signs in, reads, changes and signs out, and no copy of the cookie works."""
    ada = browser(serve("frameworks", kind, "quick_start", PAGE=page))
    assert [ada.get("/").json() for _ in range(2)] == [
        {"user": None, "visits": 1}, {"user": None, "visits": 2}
    ]  # fmt: skip
    ada.post("/sign-in?user=ada")
    assert ada.get("/").json() == {"user": "ada", "visits": 3}
    with ada.copied() as thief:
        assert thief.get("/").json() == {"user": "ada", "visits": 4}
        ada.post("/sign-out")
        assert ada.get("/").json() == {"user": None, "visits": 1}
        assert thief.get("/").json() == {"user": None, "visits": 1}


SANIC = """
from sanic import Request, Sanic
from tokensession.adapters.asgi import session_of

request = Request(b"/", {}, "1.1", "GET", None, Sanic("shop"))  # as its own server makes them
try:
    session_of(request)
except NotImplementedError:
    print("not implemented")
"""
CHERRYPY = """
from wsgiref.util import setup_testing_defaults
import cherrypy
from tests.ecosystem.apps.frameworks.quick_start import app

cherrypy.tree.graft(app, "/")
environ = {"PATH_INFO": "/", "wsgi.url_scheme": "https"}
setup_testing_defaults(environ)
cherrypy.config.update({"log.screen": False})
given = []
body = b"".join(cherrypy.tree(environ, lambda status, headers, *_: given.extend(headers)))
print(body.decode(), *(value.partition("=")[0] for name, value in given if "ookie" in name))
"""


@pytest.mark.parametrize(("page", "program", "shows"), [
    ("sanic", SANIC, "not implemented"),
    ("cherrypy", CHERRYPY, '{"user": null, "visits": 1} __Host-session'),
])  # fmt: skip
def test_the_frameworks_own_server(page: str, program: str, shows: str, tmp_path: Path) -> None:
    """CherryPy's own server runs the application, and Sanic's has no session."""
    if not environments.is_current("frameworks"):
        pytest.skip("the packages of frameworks are not installed")
    done = subprocess.run(
        [environments.python("frameworks"), "-c", program], cwd=tmp_path, check=False, text=True,
        env={**os.environ, "PAGE": page, "PYTHONPATH": str(environments.ROOT)}, timeout=300,
        capture_output=True,
    )  # fmt: skip
    assert done.stdout.strip() == shows, done.stderr
