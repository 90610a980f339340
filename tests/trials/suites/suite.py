"""A peer's test suite: where it comes from, how it is run, and what may fail in it."""

from __future__ import annotations

import os
import re
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
NAMED = 20  # tests of one reason that a table names; of more it gives the number
PLUGINS = Path(__file__).parent / "plugins"
FOLDER = ROOT / ".environments" / "suites"


@dataclass(frozen=True)
class Suite:
    """The tests of one peer.

    Attributes:
        name: What the command line calls it.
        archive: The requirement whose source archive holds the tests, such as ``flask==3.1.3``;
            None where no archive holds them, so that `--source` must name the unpacked source.
        needs: What else is installed: requirements, or folders of the archive.
        run: Runs the tests in the unpacked archive, and returns the ids of those that failed.
        explained: Reasons, by the id of a test that fails over our sessions.
    """

    name: str
    archive: str | None
    needs: tuple[str, ...]
    run: Callable[[Place], set[str]]
    explained: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> str:
        """Return the explained failures by their reasons, as docs/packages.md shows them."""
        names: dict[str, list[str]] = {}
        for test, reason in self.explained.items():
            names.setdefault(reason, []).append(f"`{test.rpartition('::')[2]}`")
        rows = [
            f"| {reason} | {', '.join(sorted(set(tests)))} |"
            if len(tests) <= NAMED
            else f"| {reason} | {len(tests)} tests |"
            for reason, tests in sorted(names.items())
        ]
        return "\n".join(["| why it fails | tests |", "|---|---|", *rows]) + "\n"


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


def prepare(suite: Suite, *, own: bool, source: Path | None = None) -> Place:
    """Unpack the archive and install what its tests need, unless both are there.

    Args:
        suite: The suite.
        own: Whether the peer's own sessions are tested.
        source: An unpacked source, instead of the archive's.
    """
    folder = FOLDER / suite.name
    python = folder / "environment" / "bin" / "python"
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"{suite.name}: installing what its tests need\n")
        venv.create(folder / "environment", clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        if suite.archive is not None:
            _unpack(suite.archive, folder, pip)
        # Editable, so that a later run tests what the checkout holds then.
        subprocess.run([*pip, "install", *suite.needs, "--editable", str(ROOT)], check=True)
        (folder / "ready").touch()
    return Place((source or next((folder / "source").iterdir())).resolve(), python, own)


def _unpack(archive: str, folder: Path, pip: list[str]) -> None:
    kind = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    builders = ["setuptools", "setuptools-scm", "wheel", "hatchling", "flit-core"]
    subprocess.run([*pip, "install", "--upgrade", *builders], check=True)
    subprocess.run([*pip, "download", *kind, "--dest", str(folder), archive], check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as packed:
        packed.extractall(folder / "source", filter="data")


def pytest(place: Place, *arguments: str, plugin: str) -> set[str]:
    """Run a suite with pytest, and return the ids of the tests that failed.

    Args:
        place: Where the suite runs.
        arguments: Further arguments of pytest, such as paths below the source.
        plugin: A module in the folder `plugins`, which puts our sessions in place of the peer's.

    Raises:
        RuntimeError: pytest could not run the tests.
    """
    command = [str(place.python), "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    if not place.own:
        command += ["-p", plugin]
    ran = subprocess.run(
        [*command, *arguments],
        cwd=place.source,
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode not in {0, 1}:  # of pytest: all passed, some failed
        raise RuntimeError(f"pytest did not run the tests:\n{ran.stdout}")
    print(ran.stdout.splitlines()[-1])
    found = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", ran.stdout, re.MULTILINE)
    return set(found)
