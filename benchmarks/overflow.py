# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures sessions that are too large for a cookie, against plain sessions in the same servers.

Usage: `python benchmarks/overflow.py [--rounds N] [--quick] [--write]`

Needs the extras ``benchmarks`` and ``test`` and Debian's memcached (``.ci/servers``). The figures
are information: the exit code is 0 whatever they are.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' servers

from _measure.machine import machine
from _measure.options import parser, write_section
from _measure.rounds import run
from _measure.stored import OWN, PEER, READ, SIZES, WRITE, group, places, tasks
from _measure.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _measure.rounds import Times
    from _measure.stored import Place

MARKER: Final = "<!-- overflow -->"
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 20
PACKAGES: Final = (
    "tokensession", "cryptography", "msgspec", "Flask-Session", "redis", "pymemcache", "pymongo",
    "sqlalchemy", "psycopg",
)  # fmt: skip
MOST_OF_PEER: Final = 1.0
CAPTION: Final = (
    "Microseconds per request (medians), and ours as a share of Flask-Session's: median, and first "
    "to third quartile. Target: at most 1."
)


def main() -> None:
    """Run the program."""
    options = parser(
        "Measures sessions that are too large for a cookie.",
        rounds=ROUNDS,
        quick_rounds=QUICK_ROUNDS,
    ).parse_args()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    with ExitStack() as stack:
        found = places(stack)
        section = _markdown(found, run(tasks(found), rounds), rounds)
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def _markdown(found: Sequence[Place], times: Times, rounds: int) -> str:
    table = Table(["state, store", "request", "Flask-Session", "tokensession", "share", "met"])
    for size in SIZES:
        for place in found:
            for kind in (READ, WRITE):
                name = group(place, size, kind)
                own = f"{times.microseconds(name, OWN):.0f}"
                if place.peer is None:
                    table.add(f"{size}, {place.name}", kind, "", own, "", "")
                    continue
                share = times.ratio([(name, OWN)], [(name, PEER)])
                met = "pass" if share.middle <= MOST_OF_PEER else "miss"
                peer = f"{times.microseconds(name, PEER):.0f}"
                table.add(f"{size}, {place.name}", kind, peer, own, str(share), met)
    return "\n\n".join([
        f"{machine(PACKAGES)} {rounds} rounds.",
        CAPTION,
        str(table),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
