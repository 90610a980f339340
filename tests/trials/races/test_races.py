"""Rotators at the same instant, in real processes, over each source; the long form is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.keys.places import WRITABLE, url_of
from tests.trials.races.__main__ import race

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", WRITABLE)
def test_one_key_for_each_rotation(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """However many rotate at once: one of them writes, and the others find it done."""
    outcome = race(url_of(kind, request, tmp_path), rotators=3, rounds=5)
    assert outcome.faults == []
    assert outcome.writes == 5
