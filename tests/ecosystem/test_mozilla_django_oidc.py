"""mozilla-django-oidc: sign-in by a provider, with its tokens in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import press, seen, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    provider = serve("django", "wsgi", "provider")
    return serve("django", "wsgi", "mozilla_django_oidc", PROVIDER=provider)


def test_signing_in_and_out(site: str, browser: Callable[[str], Browser]) -> None:
    """State, nonce, verifier and both tokens are kept; a copied cookie is dead afterwards."""
    ada = browser(site)
    assert ada.get("/oidc/authenticate/?next=/").json()["user"] == "ada@school.example"
    kept = seen(ada)["session"]
    assert {"oidc_access_token", "oidc_id_token", "oidc_id_token_expiration"} <= set(kept)
    assert kept["oidc_states"] == {}
    thief = ada.copied()
    press(ada, "/oidc/logout/")
    assert who(ada) is None
    assert who(thief) is None


def test_the_providers_word_is_renewed(site: str, browser: Callable[[str], Browser]) -> None:
    """A page of a session with an old one takes the user to the provider, and back."""
    ada = browser(site)
    ada.get("/oidc/authenticate/?next=/")
    ada.get("/age")
    page = ada.get("/")
    assert [step.url.path for step in page.history][1:] == ["/authorize", "/oidc/callback/"]
    assert page.json()["user"] == "ada@school.example"
