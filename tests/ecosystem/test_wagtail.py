"""Wagtail: an editor's work, "remember me", and a page behind a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import PASSWORDS, press

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("wagtail", "wsgi", "wagtail")


def test_an_editor(site: str, browser: Callable[[str], Browser]) -> None:
    """The session lasts for two weeks if the box is ticked; a copied cookie is dead afterwards."""
    root = browser(site)
    root.submit(
        "/admin/login/", {"username": "root", "password": PASSWORDS["root"], "remember": "on"}
    )
    assert root.get("/who/").json()["session"]["_session_expiry"] == 14 * 86400
    page = root.submit("/admin/pages/2/edit/", {"title": "A new front", "slug": "front"})
    assert "has been updated" in page.text
    thief = root.copied()
    assert thief.get("/admin/pages/2/edit/").status_code == 200
    press(root, "/admin/logout/")
    for stale in (root, thief):
        assert stale.get("/admin/pages/2/edit/").url.path == "/admin/login/"


def test_a_page_behind_a_password(site: str, browser: Callable[[str], Browser]) -> None:
    """The session remembers that it was given, and ends with the browser."""
    ada = browser(site)
    question = ada.get("/pages/secret/")
    assert "<h1>Secret</h1>" not in question.text
    assert "<h1>Secret</h1>" in ada.fill(question, {"password": "sesame"}).text
    assert "<h1>Secret</h1>" in ada.get("/pages/secret/").text
    kept = ada.get("/who/").json()["session"]
    assert kept == {"passed_page_view_restrictions": [1], "_session_expiry": 0}
    assert all(cookie.expires is None for cookie in ada.jar if cookie.name == "__Host-session")
