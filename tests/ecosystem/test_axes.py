"""django-axes: its log knows a session by its key, from sign-in to sign-out."""

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
    return serve("django", "wsgi", "axes")


def test_the_log(site: str, browser: Callable[[str], Browser]) -> None:
    """A sign-out is found by the key of the sign-in; a copied cookie is dead afterwards."""
    ada, root = browser(site), browser(site)
    sign_in(ada)
    sign_in(root, "root")
    thief = ada.copied()
    assert who(thief) == "ada"
    sign_out(ada)
    assert who(thief) is None
    assert ada.get("/log").json() == [["ada", True], ["root", False]]


def test_too_many_failures(site: str, browser: Callable[[str], Browser]) -> None:
    """Sign-ins that fail keep a session without a user, and lock its name out."""
    eve = browser(site)
    wrong = {"username": "eve", "password": "a guess"}
    answers = [eve.submit("/accounts/login/", wrong).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert who(eve) is None
