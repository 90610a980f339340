"""Debian's Chromium, driven by playwright. Where it is missing the tests fail: they never skip."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.adapters.servers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

DEVELOPMENT_HOST = "app.test"  # plain http that is not localhost: browsers do not trust it
OURS = "EXCLUDE localhost, EXCLUDE 127.0.0.1"
ARGUMENTS = (
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but these leads anywhere, so that no test depends on the network.
    f"--host-resolver-rules=MAP {DEVELOPMENT_HOST} 127.0.0.1, MAP * ~NOTFOUND, {OURS}",
)


@contextmanager
def launch() -> Iterator[Browser]:
    """Run the browser, with the memory of past pages that its users have and drivers turn off."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing: install it with `apt-get install chromium` (Debian)")
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"],
        )
        try:
            yield browser
        finally:
            browser.close()


def complaints_of(page: Page) -> list[str]:
    """Return the list in which the page's console and errors will be noted."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
