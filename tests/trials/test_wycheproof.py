"""Project Wycheproof's vectors, where their folder is given by an environment variable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trials.wycheproof import VARIABLE, elsewhere, outcomes

FOLDER = os.environ.get(VARIABLE, "")

pytestmark = pytest.mark.skipif(not FOLDER, reason=f"{VARIABLE} names no folder")


def test_every_answer_is_that_of_wycheproof() -> None:
    """Signatures verify and texts open exactly where Wycheproof says so."""
    found = list(outcomes(Path(FOLDER)))
    assert len(found) > 500
    assert [(name, number) for name, number, right in found if not right] == []


def test_node_and_go_answer_alike() -> None:
    """Both other languages give each answer of Wycheproof."""
    for _, printed in elsewhere(Path(FOLDER)):
        assert printed.count("cases, 0 wrong") == 4
