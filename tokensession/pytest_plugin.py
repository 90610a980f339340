"""Fixtures for pytest.

Add ``pytest_plugins = ["tokensession.pytest_plugin"]`` to the ``conftest.py`` beside your
``pyproject.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensession import testing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.keys.ring import KeyRing


@pytest.fixture
def fixed_clock() -> Iterator[testing.FixedClock]:
    """Stop the library's clock for a test; ``fixed_clock.advance(60)`` moves it."""
    with testing.FixedClock() as clock:
        yield clock


@pytest.fixture
def fixed_ring() -> KeyRing:
    """Return the ring of `tokensession.testing.fixed_ring`."""
    return testing.fixed_ring()
