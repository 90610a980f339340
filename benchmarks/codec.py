# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures the codec against the hand-composed limit and other libraries' codecs.

Usage: `python benchmarks/codec.py [--rounds N] [--quick] [--markdown] [--write]`

Needs the extra ``benchmarks``. The figures are information: the exit code is 0 whatever they are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from _measure.lanes import all_lanes
from _measure.report import Report
from _measure.rounds import run
from _measure.starts import Starts

README: Final = Path(__file__).resolve().parent / "README.md"
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
        write_results(report.markdown())
    sys.stdout.write((report.markdown() if options.markdown else report.ratios()) + "\n")


def write_results(section: str) -> None:
    """Replace what is between the two markers of the README."""
    before, _, after = README.read_text().split(MARKER)
    README.write_text(f"{before}{MARKER}\n\n{section}\n\n{MARKER}{after}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures the codec, in ratios.")
    parser.add_argument("--rounds", type=_rounds, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument(
        "--markdown", action="store_true", help="print the whole section of the README"
    )
    parser.add_argument("--write", action="store_true", help="put that section into the README")
    return parser.parse_args()


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 2:  # noqa: PLR2004  # quartiles need two
        raise argparse.ArgumentTypeError("at least 2 rounds")
    return rounds


if __name__ == "__main__":
    main()
