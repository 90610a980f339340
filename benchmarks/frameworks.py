# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures what a session adds to a request of a Flask and of a Django application.

Usage: `python benchmarks/frameworks.py [--rounds N] [--quick] [--write]`

Needs the extra ``benchmarks``. The exit code is 0 for all figures.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from _measure.machine import machine
from _measure.options import parser, write_section
from _measure.rounds import run
from _measure.table import Table
from _measure.web import Kind
from _measure.wsgi import NONE, OWN, THEIRS, all_sites

if TYPE_CHECKING:
    from _measure.rounds import Times

MARKER: Final = "<!-- frameworks -->"
ROUNDS: Final = 400
QUICK_ROUNDS: Final = 40
PACKAGES: Final = ("tokensession", "cryptography", "msgspec", "itsdangerous", "flask", "django")
MOST: Final = 1.0


def main() -> None:
    """Run the program."""
    options = parser(
        "Measures what a session adds to a request of Flask and Django.",
        rounds=ROUNDS,
        quick_rounds=QUICK_ROUNDS,
    ).parse_args()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    times = run([site.task(kind) for site in all_sites() for kind in Kind], rounds)
    section = _section(times, rounds)
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def _section(times: Times, rounds: int) -> str:
    table = Table(
        ["request", "without, in all", "its own adds", "tokensession adds", "share", "met"]
    )
    for framework in ("Flask", "Django"):
        for kind in Kind:
            group = f"{framework}, {kind}"
            none, theirs, own = (group, NONE), (group, THEIRS), (group, OWN)
            share = times.added_ratio(own, theirs, none)
            table.add(
                group,
                f"{times.microseconds(*none):.1f}",
                str(times.added(theirs, none)),
                str(times.added(own, none)),
                str(share),
                "pass" if share.middle <= MOST else "miss",
            )
    title = (
        "Microseconds that a session adds, and ours as a share of the framework's own: median, and "
        "first to third quartile. The target is a share of at most 1."
    )
    return f"{machine(PACKAGES)} {rounds} rounds.\n\n{title}\n\n{table}"


if __name__ == "__main__":
    main()
