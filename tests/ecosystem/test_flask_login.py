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
    """Logging out ends the session for every copy of its cookie, and the page wanted is kept."""
    ada = browser(shop)
    assert ada.get("/orders").text == "who are you?"
    assert ada.post("/login", data={"name": "ada"}).text == "orders of ada"
    thief = ada.copied()
    assert thief.get("/account").text == "ada"
    ada.post("/logout")
    assert ada.get("/account").text == "who are you?"
    assert thief.get("/account").text == "who are you?"


def test_a_remembered_user_is_not_fresh(shop: str, browser: Callable[[str], Browser]) -> None:
    """The cookie of "remember me" signs in anew, without the password that some pages want."""
    ada = browser(shop)
    ada.post("/login", data={"name": "ada", "remember": "yes"})
    assert ada.get("/password").text == "password of ada"
    ada.quit()
    assert [cookie.name for cookie in ada.jar] == ["remember_token"]
    assert ada.get("/account").text == "ada"
    assert ada.get("/password").text == "your password, please"
    ada.post("/reauthenticate")
    assert ada.get("/password").text == "password of ada"
    ada.post("/logout")
    assert "remember_token" not in {cookie.name for cookie in ada.jar}
    assert ada.get("/account").text == "who are you?"


def test_strong_protection_ends_a_stolen_session(
    serve: Callable[..., str], browser: Callable[[str], Browser]
) -> None:
    """A cookie that comes from another client is dead for its owner too."""
    ada = browser(serve("flask", "wsgi", "flask_login", PROTECTION="strong"))
    ada.post("/login", data={"name": "ada"})
    thief = ada.copied()
    thief.headers["User-Agent"] = "another"
    assert thief.get("/account").text == "who are you?"
    assert ada.get("/account").text == "who are you?"
