# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures what session middleware adds to a request of a Starlette application.

Usage: `python benchmarks/requests.py [--rounds N] [--quick] [--write]`

Needs the extra ``benchmarks``; with uvicorn it also asks over a socket. The exit code is 0 for all
figures.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from _measure import loopback
from _measure.costs import Costs
from _measure.options import parser, write_section
from _measure.rounds import run
from _measure.web import Kind, Lane, Site

if TYPE_CHECKING:
    from _measure.rounds import Times

MARKER: Final = "<!-- requests -->"
ROUNDS: Final = 400
QUICK_ROUNDS: Final = 40
MOST_LOOPBACK_ROUNDS: Final = 200  # about 5 seconds


def main() -> None:
    """Run the program."""
    options = parser(
        "Measures what session middleware adds to a request.",
        rounds=ROUNDS,
        quick_rounds=QUICK_ROUNDS,
    ).parse_args()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    sites, times = asyncio.run(_in_process(rounds))
    server = loopback.server()
    over_socket = None
    if server is not None:
        sys.stderr.write("over a socket\n")
        with loopback.tasks({site.lane.name.lower(): site for site in sites}) as tasks:
            over_socket = run(tasks, min(rounds, MOST_LOOPBACK_ROUNDS))
    section = Costs(times, rounds, over_socket, server or "").markdown()
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


async def _in_process(rounds: int) -> tuple[list[Site], Times]:
    """Return the three applications, and how long each took for each kind of request."""
    sites = [Site(lane) for lane in Lane]
    return sites, run([site.task(kind) for site in sites for kind in Kind], rounds)


if __name__ == "__main__":
    main()
