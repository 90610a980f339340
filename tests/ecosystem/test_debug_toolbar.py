"""django-debug-toolbar: its panels show the session after the response."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .django_pages import sign_in, sign_out, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "debug_toolbar")


def test_the_panel(site: str, browser: Callable[[str], Browser]) -> None:
    """It shows what the view has kept, and makes no page depend on the session by itself."""
    ada = browser(site)
    sign_in(ada)
    page = ada.get("/page")
    shown = re.search(r'data-request-id="(\w+)"', page.text)
    assert shown
    query = {"request_id": shown[1], "panel_id": "RequestPanel"}
    panel = ada.get("/__debug__/render_panel/", params=query)
    assert "colour" in panel.json()["content"]
    assert "Set-Cookie" not in ada.get("/plain").headers
    thief = ada.copied()
    sign_out(ada)
    assert (who(ada), who(thief)) == (None, None)
