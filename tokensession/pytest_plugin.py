"""Fixtures for pytest; one line in the ``conftest.py`` beside your ``pyproject.toml`` gives them.

It reads ``pytest_plugins = ["tokensession.pytest_plugin"]``.
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
    """Stop the clock of the library for a test; ``fixed_clock.advance(60)`` lets time pass."""
    with testing.FixedClock() as clock:
        yield clock


@pytest.fixture
def fixed_ring() -> KeyRing:
    """Give the ring of `tokensession.testing.fixed_ring`."""
    return testing.fixed_ring()
