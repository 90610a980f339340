"""Flask-Dance: states, verifiers and tokens of a provider go through the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser
    from .provider import Provider


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str], provider: Provider) -> str:
    """Give the address of the shop."""
    return serve("flask", "wsgi", "flask_dance", PROVIDER=provider.url)


def test_a_copied_cookie_is_dead_after_sign_out(
    shop: str, browser: Callable[[str], Browser]
) -> None:
    """The provider's token is in the session, and gone with it."""
    ada = browser(shop)
    assert ada.get("/who").text == "no user, False"
    assert ada.get("/").text == "ada, ada@example.org, id-of-ada"
    thief = ada.copied()
    assert thief.get("/").text == "ada, ada@example.org, id-of-ada"
    assert ada.post("/logout").text == "bye"
    assert ada.get("/who").text == "no user, False"
    assert thief.get("/who").text == "no user, False"


def test_the_state_is_the_browsers_own(
    shop: str, provider: Provider, browser: Callable[[str], Browser]
) -> None:
    """A callback that another browser has begun is refused."""
    ada, bob = browser(shop), browser(shop)
    there = ada.get("/login/house", follow_redirects=False).headers["location"]
    assert there.startswith(f"{provider.url}/authorize")
    back = ada.get(there, follow_redirects=False).headers["location"]
    assert bob.get(back, follow_redirects=False).headers["location"].endswith("/login/house")
    assert bob.get("/who").text == "no user, False"
    assert ada.get(back).text == "ada, ada@example.org, id-of-ada"
