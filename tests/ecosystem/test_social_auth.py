"""social-auth-app-django: sign-in by a provider, interrupted by a question of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import press, sign_out, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    provider = serve("django", "wsgi", "provider")
    return serve("django", "wsgi", "social_auth", PROVIDER=provider)


def test_signing_in_and_out(site: str, browser: Callable[[str], Browser]) -> None:
    """State, a half pipeline and a field wait in the session; a copied cookie is dead afterwards.

    The session lasts as long as the provider says.
    """
    ada = browser(site)
    ada.get("/")
    question = press(ada, "/login/oidc/", plan="gold", next="/")
    assert question.url.path == "/name"
    assert who(ada) is None
    page = ada.fill(question, {"name": "ada of school"})
    assert page.json()["user"] == "ada of school"
    assert page.json()["session"]["plan"] == "gold"
    assert 0 < page.json()["session"]["_session_expiry"] <= 600
    thief = ada.copied()
    sign_out(ada)
    assert who(ada) is None
    assert who(thief) is None
