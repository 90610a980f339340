"""docs/rotation.md agrees with what runs."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tokensession.keys.schedule import DEFAULT_PERIOD, DEFAULT_PROPAGATION

if TYPE_CHECKING:
    import pytest

    from tests.servers import Valkey

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rotation.md").read_text()


def run(commands: list[str], folder: Path, **variables: str) -> str:
    """Run commands as a shell does, each until it fails, and return what they printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603  # our own text
        ["/bin/sh", "-c", "\n".join(["set -e", *commands])],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PATH": path, **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands_of(text: str) -> list[str]:
    """Return the commands of a text, but for the one that says where your database is."""
    lines = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    return [line for line in lines if not line.startswith("export KEYS_URL=")]


def test_every_example_runs(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands in order, as a shell runs them, then the Python, over a real server."""
    url = f"{valkey.url}#docs"
    commands = commands_of(TEXT)
    assert len(commands) >= 19
    printed = run(commands, tmp_path, KEYS_URL=url)
    assert "found in a log" not in printed
    assert "1 -> 2, not written, as this is a dry run" in printed
    assert "1 -> 2, written" in printed
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEYS_URL", url)
    results = doctest.testfile(str(ROOT / "docs" / "rotation.md"), module_relative=False)
    assert results.attempted >= 15
    assert results.failed == 0


def test_numbers() -> None:
    """The defaults of the table are those of the code."""
    assert f"| `period` | {DEFAULT_PERIOD // 86400} days |" in TEXT
    assert f"| `propagation` | {DEFAULT_PROPAGATION} |" in TEXT
