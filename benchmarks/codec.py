# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures the codec against the hand-composed limit and other libraries' codecs.

Usage: `python benchmarks/codec.py [--rounds N] [--quick] [--markdown] [--write]`

Needs the extra ``benchmarks``. The exit code is 0 for all figures.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from _measure.lanes import all_lanes
from _measure.options import parser, write_section
from _measure.report import Report
from _measure.rounds import run
from _measure.starts import Starts

if TYPE_CHECKING:
    import argparse

MARKER: Final = "<!-- results -->"
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 12
MOST_STARTS: Final = 40  # of each kind of process


def main() -> None:
    """Run the program."""
    options = _options()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    lanes = all_lanes()
    times = run(lanes.tasks, rounds)
    sys.stderr.write("imports\n")
    report = Report(lanes, times, Starts(max(3, min(rounds // 4, MOST_STARTS))), rounds)
    if options.write:
        write_section(MARKER, report.markdown())
    sys.stdout.write((report.markdown() if options.markdown else report.ratios()) + "\n")


def _options() -> argparse.Namespace:
    made = parser("Measures the codec, in ratios.", rounds=ROUNDS, quick_rounds=QUICK_ROUNDS)
    made.add_argument(
        "--markdown", action="store_true", help="print the whole section of the README"
    )
    return made.parse_args()


if __name__ == "__main__":
    main()
