# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Runs every benchmark, one after another, and writes the tables and a chart for each report.

Usage: `python benchmarks/all.py [--quick] [--only NAME] [--charts]`

Needs the extras ``test`` and ``benchmarks``. It takes about a quarter of an hour, with ``--quick``
four minutes; ``--charts`` only draws what the tables in the README say. Nothing else should run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Final

from _measure.charts import draw
from _measure.machine import machine
from _measure.options import README, write_section

HERE: Final = Path(__file__).resolve().parent
CHARTS: Final = HERE / "charts"
PACKAGES: Final = ("tokensession", "cryptography", "PyJWT", "msgspec")
# Each writes its own section.
PROGRAMS: Final = {
    "codec": ["benchmarks/codec.py", "--write"],
    "node": ["benchmarks/node.py", "--write"],
    "requests": ["benchmarks/requests.py", "--write"],
    "frameworks": ["benchmarks/frameworks.py", "--write"],
    "revocation": ["benchmarks/revocation.py", "--write"],
    "directory": ["benchmarks/directory.py", "--write"],
    "overflow": ["benchmarks/overflow.py", "--write"],
    "load": ["-m", "tests.trials.load", "--write"],
}
QUICK: Final = {
    "codec": ["--quick"],
    "node": ["--quick"],
    "requests": ["--quick"],
    "frameworks": ["--quick"],
    "revocation": ["--quick"],
    "directory": ["--quick"],
    "overflow": ["--quick"],
    "load": ["--seconds", "10"],
}
_SAMPLES: Final = 200
_BLOCK: Final = bytes(1 << 20)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Runs every benchmark and draws the charts.")
    parser.add_argument("--quick", action="store_true", help="short runs, for a first look")
    parser.add_argument("--only", choices=PROGRAMS, action="append", help="this one; may repeat")
    parser.add_argument("--charts", action="store_true", help="draw the charts, measure nothing")
    options = parser.parse_args()
    if not options.charts:
        before = _noise()
        for name in options.only or PROGRAMS:
            sys.stderr.write(f"{name}\n")
            _run(name, quick=options.quick)
        write_section("<!-- noise -->", _conditions(before, _noise(), quick=options.quick))
    CHARTS.mkdir(exist_ok=True)
    for path in draw(README.read_text(), CHARTS):
        sys.stdout.write(f"{path}\n")


def _run(name: str, *, quick: bool) -> None:
    command = [sys.executable, *PROGRAMS[name], *(QUICK[name] if quick else [])]
    subprocess.run(  # noqa: S603  # our own command
        command, cwd=HERE.parent, check=True, stdout=subprocess.DEVNULL
    )


def _noise() -> tuple[float, float, float]:
    """Return how far equal work spread: the median, and its quartiles as shares of it."""
    times = []
    for _ in range(_SAMPLES):
        begun = perf_counter()
        sha256(_BLOCK)
        times.append(perf_counter() - begun)
    low, middle, high = statistics.quantiles(times, n=4)
    return middle, low / middle - 1, high / middle - 1


def _conditions(
    before: tuple[float, float, float], after: tuple[float, float, float], *, quick: bool
) -> str:
    """Return what the figures were measured on, and how quiet it was."""
    spread = ", ".join(
        f"{when} {middle * 1e3:.2f} ms, quartiles {low:+.1%} and {high:+.1%}"
        for when, (middle, low, high) in (("before", before), ("after", after))
    )
    kind = "A quick run: for a first look, not to be quoted. " if quick else ""
    return (
        f"{kind}Ended {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {machine(PACKAGES)} Noise: the "
        f"SHA-256 of one MiB took {spread}; load average at the end {os.getloadavg()[0]:.1f}."
    )


if __name__ == "__main__":
    main()
