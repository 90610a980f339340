"""BlackSheep, Sanic and CherryPy by the lines of docs/frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

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
