"""djangosaml2's middleware keeps a second session in a cookie of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import sign_in, sign_out, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "djangosaml2")


def test_two_sessions(site: str, browser: Callable[[str], Browser]) -> None:
    """They live and end apart, and the copied cookie of each is dead afterwards."""
    ada = browser(site)
    assert ada.get("/ask").json() == {"id-0": "/"}
    assert ada.get("/ask").json() == {"id-0": "/", "id-1": "/"}
    assert ada.get("/answer").json() == {"id-0": "/"}
    assert {cookie.name for cookie in ada.jar} == {"saml_session"}
    sign_in(ada)
    assert who(ada) == "ada"
    thief = ada.copied()
    ada.get("/end")
    assert ada.get("/ask").json() == {"id-0": "/"}
    assert thief.get("/ask").json() == {"id-0": "/"}
    assert (who(ada), who(thief)) == ("ada", "ada")
    sign_out(ada)
    assert (who(ada), who(thief)) == (None, None)
    assert ada.get("/ask").json() == {"id-0": "/", "id-1": "/"}
