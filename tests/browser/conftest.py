"""One browser for the tests of this folder, and a profile of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adapters.servers import PATIENCE

from .chromium import launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Run the browser; it ends before other tests begin, whose event loops it would disturb."""
    with launch() as browser:
        yield browser


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """Give a profile without cookies and cache."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


@pytest.fixture
def tab(profile: BrowserContext) -> Page:
    """Give a tab of the profile."""
    return profile.new_page()
