"""django-hijack: becoming another user, and coming back, in one session's lifetime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .django_pages import seen, sign_in, sign_out, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "wsgi", "hijack")


def test_there_and_back(site: str, browser: Callable[[str], Browser]) -> None:
    """Each step is a session of its own, with the expiry that the first was given."""
    root = browser(site)
    sign_in(root, "root")
    root.get("/remember")
    first = root.copied()
    root.submit("/acquire", {"user_pk": "1"})
    kept = {"hijack_history": ["2"], "_session_expiry": 3600}
    assert seen(root) == {"user": "ada", "subject": "1", "session": kept}
    assert who(first) is None
    second = root.copied()
    root.submit("/page")
    kept = {"hijack_history": [], "_session_expiry": 3600}
    assert seen(root) == {"user": "root", "subject": "2", "session": kept}
    assert who(second) is None
    third = root.copied()
    sign_out(root)
    assert who(third) is None
