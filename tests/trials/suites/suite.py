"""A peer's test suite: where it comes from, how it is run, and what may fail in it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".environments" / "suites"


@dataclass(frozen=True)
class Suite:
    """The tests of one peer.

    Attributes:
        name: What the command line calls it.
        archive: The requirement whose source archive holds the tests, such as ``flask==3.1.3``.
        needs: What else is installed: requirements, or folders of the archive.
        run: Runs the tests in the unpacked archive, and returns the ids of those that failed.
        explained: Reasons, by the id of a test that fails over our sessions.
    """

    name: str
    archive: str
    needs: tuple[str, ...]
    run: Callable[[Place], set[str]]
    explained: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a suite runs.

    Attributes:
        source: The unpacked archive.
        python: The interpreter of the suite's environment.
        own: Whether the peer's own sessions are tested.
    """

    source: Path
    python: Path
    own: bool


def prepare(suite: Suite, *, own: bool) -> Place:
    """Unpack the archive and install what its tests need, unless both are there."""
    folder = FOLDER / suite.name
    python = folder / "environment" / "bin" / "python"
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"{suite.name}: downloading {suite.archive} and what its tests need\n")
        venv.create(folder / "environment", clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        kind = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        builders = ["setuptools", "wheel", "hatchling", "flit-core"]
        for words in (
            ["install", *builders],
            ["download", *kind, "--dest", str(folder), suite.archive],
        ):
            subprocess.run([*pip, *words], check=True)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder / "source", filter="data")
        subprocess.run([*pip, "install", *suite.needs, str(ROOT)], check=True)
        (folder / "ready").touch()
    return Place(next((folder / "source").iterdir()), python, own)
