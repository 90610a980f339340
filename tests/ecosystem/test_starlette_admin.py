"""starlette-admin: its sign-in goes through the session; its forms and messages do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("asgi", "asgi", "starlette_admin")


@pytest.mark.parametrize("remember", [{}, {"remember_me": "on"}])
def test_a_copied_cookie_is_dead_after_logout(
    remember: dict[str, str], shop: str, browser: Callable[[str], Browser]
) -> None:
    """Logging out ends the session for every copy of its cookie, remembered or not."""
    ada = browser(shop)
    there = "/admin/login?next=/admin/book/list"
    assert ada.get("/admin/book/list").url.path == "/admin/login"
    assert ada.submit(there, {"username": "ada", "password": "guessed"}).status_code == 400
    signed_in = ada.submit(there, {"username": "ada", "password": "open sesame", **remember})
    assert signed_in.url.path == "/admin/book/list"
    saved = ada.submit("/admin/book/create", {"title": "Emma"})
    assert saved.status_code == 200
    assert "Emma" in saved.text
    thief = ada.copied()
    assert thief.get("/admin/book/list").url.path == "/admin/book/list"
    (token,) = [cookie.value for cookie in ada.jar if cookie.name.endswith("csrftoken")]
    ada.post("/admin/logout", headers={"X-CSRFToken": token or ""})
    for one in (ada, thief):
        assert one.get("/admin/book/list").url.path == "/admin/login"
