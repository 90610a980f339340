"""Authlib's clients for Starlette and Flask: states, tokens and user go through the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser
    from .provider import Provider


@pytest.fixture(scope="module", params=[("asgi", "asgi"), ("flask", "wsgi")])
def shop(request: pytest.FixtureRequest, serve: Callable[..., str], provider: Provider) -> str:
    """Give the address of the shop, which is written for Starlette and for Flask."""
    group, kind = request.param
    return serve(group, kind, "authlib", PROVIDER=provider.url)


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """The user comes from the provider and goes back to it, and no copy of a cookie stays."""
    ada = browser(shop)
    assert ada.get("/").status_code == 401
    assert ada.get("/login").text == "ada, ada@example.org, id-of-ada"
    thief = ada.copied()
    assert thief.get("/").text == "ada, ada@example.org, id-of-ada"
    assert ada.get("/logout").text == "bye"
    assert ada.get("/").status_code == 401
    assert thief.get("/").status_code == 401


def test_the_state_is_the_browsers_own(
    shop: str, provider: Provider, browser: Callable[[str], Browser]
) -> None:
    """A callback that another browser has begun is refused."""
    ada, bob = browser(shop), browser(shop)
    there = ada.get("/login", follow_redirects=False).headers["location"]
    assert there.startswith(f"{provider.url}/authorize")
    back = ada.get(there, follow_redirects=False).headers["location"]
    assert bob.get(back).status_code == 400
    assert ada.get(back).status_code == 200
