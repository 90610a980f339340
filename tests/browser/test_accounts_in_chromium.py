"""The account page of docs/accounts.md, in two browsers of a user and one of a thief."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.adapters.servers import PATIENCE
from tests.docs.account_page import PASSWORD, serving

from .chromium import complaints_of

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

AGENT = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


def sign_in(context: BrowserContext, address: str) -> Page:
    """Sign in as the page asks for it."""
    context.set_default_timeout(PATIENCE * 1000)
    tab = context.new_page()
    tab.goto(f"{address}/account")
    tab.get_by_label("User").fill("ada")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("heading", name="Where you are signed in").wait_for()
    return tab


def test_ending_another_browser(chromium: Browser, tmp_path: Path, slow: None) -> None:
    """Its row has a button that ends it, and then a copy of its cookie is worth nothing."""
    with serving("Django", tmp_path) as url:
        address = url.replace("127.0.0.1", "localhost")  # where browsers keep Secure cookies
        phone, laptop, thief = (
            chromium.new_context(user_agent=agent) for agent in (AGENT, None, None)
        )
        page_of_phone = sign_in(phone, address)
        page = sign_in(laptop, address)
        complaints = complaints_of(page)
        thief.add_cookies(phone.cookies())  # type: ignore[arg-type]  # as they were given
        page_of_thief = thief.new_page()
        page_of_thief.goto(f"{address}/account")
        page_of_thief.get_by_role("heading", name="Where you are signed in").wait_for()

        assert page.get_by_text("this device").count() == 1
        page.get_by_role("button", name="Log out Firefox on Android").click()
        page.get_by_role("button", name="Log out Firefox on Android").wait_for(state="detached")
        for tab in (page_of_phone, page_of_thief):
            tab.reload()
            tab.get_by_role("heading", name="Sign in").wait_for()
        page.reload()
        page.get_by_text("this device").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()
        assert complaints == []
        for context in (phone, laptop, thief):
            context.close()
