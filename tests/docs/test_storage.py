"""docs/storage.md agrees with what runs."""

from __future__ import annotations

import inspect
from pathlib import Path

from tokensession.overflow import overflow
from tokensession.overflow.store import SWEEP_EVERY, SWEEP_MARGIN
from tokensession.stores import connection

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"


def test_every_store_is_named() -> None:
    """By each scheme of its URLs, and with its options."""
    text = PAGE.read_text()
    for vendor in connection._VENDORS:
        for scheme in vendor.schemes:
            assert scheme == "postgres" or f'`"{scheme}:' in text
    for option in inspect.signature(connection.connect).parameters:
        assert option == "where" or f"`{option}`" in text


def test_the_numbers_are_those_of_the_code() -> None:
    """Limits, and how often what has ended is removed."""
    text = PAGE.read_text()
    assert f"{overflow.DEFAULT_LIMIT:,} bytes of msgpack by default" in text
    assert f"at most {overflow.MAX_LIMIT:,}" in text
    assert f"every {SWEEP_EVERY}th write" in text
    assert SWEEP_MARGIN == 3600
    assert "ended an hour ago" in text
