"""A page of a test's own, and browsers in which Ann has signed in there."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.tools.demo.test_page import Served, Visitor, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve a page with keys and sessions of its own, which a test may change."""
    with serving() as site:
        yield site


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    """Give a visitor who has signed in."""
    yield from _signed_in(served)


@pytest.fixture
def second(served: Served) -> Iterator[Visitor]:
    """Give the same user in a real second browser."""
    yield from _signed_in(served)


def _signed_in(served: Served) -> Iterator[Visitor]:
    visitor = Visitor(served)
    with closing(visitor.http):
        visitor.send("/sign-in", name="Ann")
        yield visitor
