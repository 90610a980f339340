"""django-structlog: its lines name the user, before and after the response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import sign_in, sign_out, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "structlog")


def test_the_lines(site: str, browser: Callable[[str], Browser]) -> None:
    """Each names the user whose session it is; a copied cookie is dead afterwards."""
    ada = browser(site)
    sign_in(ada)
    assert "Set-Cookie" not in ada.get("/plain").headers
    thief = ada.copied()
    sign_out(ada)
    assert who(thief) is None
    lines = ada.get("/log").json()
    assert ["GET /plain", "request_started", 1] in lines
    assert ["GET /plain", "request_finished", 1] in lines
    assert lines[-3:-1] == [["GET /", "request_started", None], ["GET /", "request_finished", None]]
