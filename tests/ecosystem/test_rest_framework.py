"""Django REST framework: session authentication, and serialized data in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import press

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "rest_framework")


def test_a_draft(site: str, browser: Callable[[str], Browser]) -> None:
    """Validated data and errors are kept in the session; a copied cookie is dead afterwards."""
    ada = browser(site)
    assert ada.get("/draft").status_code == 403
    fields = {"username": "ada", "password": "a long pass phrase"}
    ada.submit("/api-auth/login/?next=/", fields)
    assert ada.post("/draft", data={"item": "tea"}).status_code == 403  # no CSRF token
    press(ada, "/draft", item="tea", count="2")
    assert ada.get("/draft").json() == {"item": "tea", "count": 2}
    press(ada, "/draft", item="tea", count="none")
    assert ada.get("/draft").json() == {"count": ["A valid integer is required."]}
    thief = ada.copied()
    assert thief.get("/draft").status_code == 200
    press(ada, "/api-auth/logout/")
    assert ada.get("/draft").status_code == 403
    assert thief.get("/draft").status_code == 403
