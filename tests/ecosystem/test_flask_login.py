"""Flask-Login: `login_user` and `logout_user` sign in and out for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("flask", "wsgi", "flask_login")


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """Logging out ends the session for every copy of its cookie."""
    ada = browser(shop)
    assert ada.get("/account").status_code == 401
    ada.post("/login", data={"name": "ada"})
    assert ada.get("/account").text == "ada"
    thief = ada.copied()
    assert thief.get("/account").text == "ada"
    ada.post("/logout")
    assert ada.get("/account").status_code == 401
    assert thief.get("/account").status_code == 401
