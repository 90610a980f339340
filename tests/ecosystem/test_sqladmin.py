"""sqladmin: its sign-in and its messages go through the session, and no cookie of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("asgi", "asgi", "sqladmin")


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """A message is shown once, and logging out ends the session for every copy of its cookie."""
    ada = browser(shop)
    assert ada.get("/admin/book/list").url.path == "/admin/login"
    wrong = ada.submit("/admin/login", {"username": "ada", "password": "guessed"})
    assert wrong.status_code == 400
    ada.submit("/admin/login", {"username": "ada", "password": "open sesame"})
    saved = ada.submit("/admin/book/create", {"title": "Emma", "save": "Save"})
    assert saved.url.path == "/admin/book/list"
    assert "Emma is in the shop" in saved.text
    assert "Emma is in the shop" not in ada.get("/admin/book/list").text
    assert [cookie.name for cookie in ada.jar] == ["__Host-session"]
    thief = ada.copied()
    assert thief.get("/admin/book/list").url.path == "/admin/book/list"
    ada.get("/admin/logout")
    for one in (ada, thief):
        assert one.get("/admin/book/list").url.path == "/admin/login"
