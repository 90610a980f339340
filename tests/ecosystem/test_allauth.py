"""django-allauth: accounts, codes by mail, second factors, other sessions, other providers."""

from __future__ import annotations

import hmac
import re
import time
from base64 import b32decode
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser

PASSWORD = "a long pass phrase of mine"


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    provider = serve("django", "wsgi", "provider")
    return serve("django", "wsgi", "allauth", PROVIDER=provider)


def who(browser: Browser) -> str | None:
    """Return the name of the user that the site sees."""
    return browser.get("/").json()["user"]  # type: ignore[no-any-return]


def sign_up(browser: Browser, email: str) -> None:
    """Sign up, and confirm the address by the code that was mailed."""
    browser.submit("/accounts/signup/", {"email": email, "password1": PASSWORD})
    code = re.search(r"^[A-Z0-9-]{6,}$", browser.get("/outbox").text, re.MULTILINE)
    assert code
    browser.submit("/accounts/confirm-email/", {"code": code[0]})


def sign_in(browser: Browser, email: str, **more: str) -> None:
    """Sign in by password."""
    browser.submit("/accounts/login/", {"login": email, "password": PASSWORD, **more})


def code_of(secret: str, now: float) -> str:
    """Return the code that an authenticator shows (RFC 6238)."""
    counter = int(now) // 30
    digest = hmac.digest(b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def test_signing_up_and_out(site: str, browser: Callable[[str], Browser]) -> None:
    """The state of a sign-up is in the session; after signing out a copied cookie is dead."""
    ada = browser(site)
    sign_up(ada, "ada@one.example")
    assert who(ada) == "ada@one.example"
    thief = ada.copied()
    assert who(thief) == "ada@one.example"
    ada.submit("/accounts/logout/")
    assert who(ada) is None
    assert who(thief) is None
    sign_in(ada, "ada@one.example", remember="on")
    assert who(ada) == "ada@one.example"


def test_signing_out_other_devices(site: str, browser: Callable[[str], Browser]) -> None:
    """All sessions of a user are listed, and all others can be ended."""
    laptop, phone = browser(site), browser(site)
    sign_up(laptop, "ada@two.example")
    sign_in(phone, "ada@two.example")
    assert who(phone) == "ada@two.example"
    assert laptop.get("/accounts/sessions/").text.count("127.0.0.1") == 2
    laptop.submit("/accounts/sessions/")
    assert who(phone) is None
    assert who(laptop) == "ada@two.example"
    assert laptop.get("/accounts/sessions/").text.count("127.0.0.1") == 1


def test_a_second_factor(site: str, browser: Callable[[str], Browser]) -> None:
    """An authenticator's secret waits in the session, and so does a half of a sign-in."""
    ada = browser(site)
    sign_up(ada, "ada@three.example")
    ada.submit("/accounts/reauthenticate/", {"password": PASSWORD})
    page = ada.get("/accounts/2fa/totp/activate/")
    secret = re.search(r'value="([A-Z2-7]{32})"', page.text)
    assert secret
    ada.fill(page, {"code": code_of(secret[1], time.time())})
    ada.submit("/accounts/logout/")
    sign_in(ada, "ada@three.example")
    assert who(ada) is None
    ada.submit("/accounts/2fa/authenticate/", {"code": code_of(secret[1], time.time() + 30)})
    assert who(ada) == "ada@three.example"


def test_a_provider(site: str, browser: Callable[[str], Browser]) -> None:
    """A sign-in elsewhere keeps its state in the session while the user is away."""
    ada = browser(site)
    ada.get("/accounts/oidc/school/login/?next=/")
    assert who(ada) == "ada@school.example"
    thief = ada.copied()
    ada.submit("/accounts/logout/")
    assert who(thief) is None
