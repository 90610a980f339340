"""What a user does on the pages that the applications of Django's packages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from .browsers import Browser

PASSWORDS = {"ada": "a long pass phrase", "root": "another long pass phrase"}


def seen(browser: Browser) -> dict[str, Any]:
    """Return the user, the session's subject and what else it keeps, as the site sees them."""
    return dict(browser.get("/").json())


def who(browser: Browser) -> str | None:
    """Return the name of the user that the site sees."""
    user: str | None = seen(browser)["user"]
    return user


def sign_in(browser: Browser, name: str = "ada") -> httpx.Response:
    """Sign in by password."""
    return browser.submit("/accounts/login/", {"username": name, "password": PASSWORDS[name]})


def press(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """Send a form of the page that the browser shows, as its scripts can."""
    token = next((cookie.value for cookie in browser.jar if cookie.name == "csrftoken"), "")
    return browser.post(path, data=fields, headers={"X-CSRFToken": token or ""})


def sign_out(browser: Browser) -> None:
    """Sign out."""
    assert press(browser, "/accounts/logout/").status_code == 200
