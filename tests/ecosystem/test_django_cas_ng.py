"""django-cas-ng: the CAS server signs in, and its single log-out ends the site's session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import seen, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def server(serve: Callable[..., str]) -> str:
    """Give the address of the CAS server."""
    return serve("django", "wsgi", "cas_server")


@pytest.fixture(scope="module")
def site(serve: Callable[..., str], server: str) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "django_cas_ng", CAS=server)


def test_signing_in_and_out(site: str, browser: Callable[[str], Browser]) -> None:
    """The page that was asked for is kept in the session; a copied cookie is dead afterwards."""
    ada = browser(site)
    assert ada.get("/papers").text == "papers of ada, 1 granted"
    kept = seen(ada)["session"]
    assert kept["attributes"] == {"team": "engines"}
    assert kept["pgtiou"]
    thief = ada.copied()
    ada.get("/accounts/logout")
    assert who(ada) is None
    assert who(thief) is None


def test_the_single_log_out(site: str, server: str, browser: Callable[[str], Browser]) -> None:
    """The server ends the session by a request of its own, which has no cookie."""
    ada, eve = browser(site), browser(site)
    assert ada.get("/papers").text == "papers of ada, 1 granted"
    assert who(eve) is None
    assert browser(server).get("/logout").text == "signed out"
    assert seen(ada) == {"user": None, "subject": None, "session": {}}
