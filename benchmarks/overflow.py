# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures sessions that are too large for a cookie, against plain sessions in the same servers.

Usage: `python benchmarks/overflow.py [--rounds N] [--quick] [--write]`

Needs the extras ``benchmarks`` and ``test`` and Debian's memcached (``.ci/servers``). The exit code
is 0 for all figures.
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
from _measure.stored import KINDS, OWN, PEER, SIZES, group, places, tasks
from _measure.stored_asgi import PLACE
from _measure.stored_asgi import tasks as asgi_tasks
from _measure.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _measure.rounds import Times
    from _measure.stored import Place

MARKER: Final = "<!-- overflow -->"
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 20
PACKAGES: Final = (
    "tokensession", "cryptography", "msgspec", "Flask-Session", "starsessions", "redis",
    "pymemcache", "pymongo", "sqlalchemy", "psycopg",
)  # fmt: skip
MOST_OF_PEER: Final = 1.0
CAPTION: Final = (
    "Microseconds per request (medians), and ours as a share of plain sessions': median, and first "
    "to third quartile. Target: at most 1. Plain sessions are Flask-Session's, and behind ASGI "
    "those of starsessions, which writes with every response."
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
        made = tasks(found)
        for place in found:
            if place.url:
                made += asgi_tasks(stack, place.url, place.own)
        section = _markdown(found, run(made, rounds), rounds)
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def _markdown(found: Sequence[Place], times: Times, rounds: int) -> str:
    table = Table(["state, store", "request", PEER, OWN, "share", "met"])
    compared = {place.name: place.peer is not None for place in found} | {PLACE: True}
    for size in SIZES:
        for place, has_peer in compared.items():
            for kind in KINDS:
                name = group(place, size, kind)
                own = f"{times.microseconds(name, OWN):.0f}"
                if not has_peer:
                    table.add(f"{size}, {place}", kind, "", own, "", "")
                    continue
                share = times.ratio([(name, OWN)], [(name, PEER)])
                met = "pass" if share.middle <= MOST_OF_PEER else "miss"
                peer = f"{times.microseconds(name, PEER):.0f}"
                table.add(f"{size}, {place}", kind, peer, own, str(share), met)
    return "\n\n".join([
        f"{machine(PACKAGES)} {rounds} rounds.",
        CAPTION,
        str(table),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
