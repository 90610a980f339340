"""Flask-Security: registration, two factors, fresh passwords and new passwords."""

from __future__ import annotations

import base64
import hmac
import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser

ADDRESS, PASSWORD = "ada@example.org", "of considerable length"


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("flask", "wsgi", "flask_security")


def code_of(secret: str) -> str:
    """Return what an authenticator shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """Two factors sign in, a password is given again, and the sign-out ends the session."""
    ada = browser(shop)
    form = {"email": ADDRESS, "password": PASSWORD, "password_confirm": PASSWORD}
    assert ada.submit("/register", form).text == f"{ADDRESS} True"
    assert ada.get("/payment").text == f"payment of {ADDRESS}"
    page = ada.submit("/tf-setup", {"setup": "authenticator"})
    secret = re.search(r"(?:[A-Z2-7]{4}-){5,}[A-Z2-7]{1,4}", page.text)
    assert secret, page.text
    key = secret[0].replace("-", "")
    ada.fill(page, {"code": code_of(key)})
    ada.post("/logout")
    page = ada.submit("/login", {"email": ADDRESS, "password": PASSWORD})
    assert page.url.path == "/tf-validate"
    assert ada.get("/account", follow_redirects=False).status_code == 302
    assert ada.fill(page, {"code": code_of(key)}).text == f"{ADDRESS} True"
    verified = ada.submit("/verify?next=/payment", {"password": PASSWORD})
    assert verified.text == f"payment of {ADDRESS}"
    thief = ada.copied()
    assert thief.get("/payment").text == f"payment of {ADDRESS}"
    ada.post("/logout")
    assert ada.get("/account", follow_redirects=False).status_code == 302
    assert thief.get("/account", follow_redirects=False).status_code == 302


def test_a_new_password_ends_the_other_sessions(
    shop: str, browser: Callable[[str], Browser]
) -> None:
    """The device that sets the password stays signed in."""
    bob = browser(shop)
    form = {"email": "bob@example.org", "password": PASSWORD, "password_confirm": PASSWORD}
    bob.submit("/register", form)
    other = bob.copied()
    new = {"new_password": PASSWORD[::-1], "new_password_confirm": PASSWORD[::-1]}
    assert bob.submit("/change", {"password": PASSWORD, **new}).text == "bob@example.org True"
    assert other.get("/account", follow_redirects=False).status_code == 302
