"""aiohttp-security: `remember` and `forget` sign in and out for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("aiohttp", "aiohttp", "aiohttp_security")


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """The user's rights follow from the session, which ends for every copy of its cookie."""
    ada, bob = browser(shop), browser(shop)
    assert ada.get("/account").status_code == 401
    assert ada.post("/login", data={"name": "ada"}).text == "ada, 1, ada"
    assert bob.post("/login", data={"name": "bob"}).text == "bob, 1, bob"
    assert ada.post("/sell").text == "sold"
    assert bob.post("/sell").status_code == 403
    thief = ada.copied()
    assert thief.get("/account").text == "ada, 2, ada"
    assert ada.post("/logout").text == "bye"
    for one in (ada, thief):
        assert one.get("/account").status_code == 401
    assert bob.get("/account").text == "bob, 2, bob"
