"""A short run of each target of `tests.trials.attacks.fuzz`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has wheels for Linux alone")

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("target", ["decode", "claims", "keys", "cookies", "legacy"])
def test_nothing_but_what_is_promised(target: str, tmp_path: Path) -> None:
    """A few thousand inputs grown from the vectors end as the documentation says."""
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "tests.trials.attacks.fuzz", target, "--runs", "2000"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "DONE" in done.stderr or "Done" in done.stderr
