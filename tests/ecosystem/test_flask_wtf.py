"""Flask-WTF: the secret of its forms stays with the session, and ends with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def book(serve: Callable[..., str]) -> str:
    """Give the address of the guest book."""
    return serve("flask", "wsgi", "flask_wtf")


def token_of(page: str) -> str:
    """Return the token in a page's form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', page)
    assert found
    return found[1]


def test_a_copied_cookie_is_dead_after_sign_out(
    book: str, browser: Callable[[str], Browser]
) -> None:
    """A form's token is taken from the same session alone, before and after the sign-in."""
    ada, bob = browser(book), browser(book)
    before = token_of(ada.get("/").text)
    assert ada.post("/", data={"name": "ada"}).status_code == 400
    assert bob.post("/", data={"name": "bob", "csrf_token": before}).status_code == 400
    assert "ada: welcome, ada" in ada.submit("/", {"name": "ada"}).text
    assert "ada: </p>" in ada.get("/").text
    token = {"X-CSRFToken": before}
    assert ada.post("/note", json="good", headers=token).text == "ada: good"
    thief = ada.copied()
    assert ada.post("/logout", headers=token).text == "bye"
    assert thief.post("/note", json="bad", headers=token).status_code == 400
    assert "no user" in thief.get("/").text
    assert "no user" in ada.get("/").text
