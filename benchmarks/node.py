# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures our codec beside those of Node: iron-session, Auth.js, jose, fastify secure-session.

Usage: `python benchmarks/node.py [--rounds N] [--quick] [--write]`

Needs the extra ``benchmarks``, and Node with npm, which installs the peers into benchmarks/node;
without them the section says so. The exit code is 0 for all figures.
"""

from __future__ import annotations

import sys
from typing import Final

from _measure.nodepeers import TTL, NodePeers, NoNode, install
from _measure.nodereport import GROUP, OWN, NodeReport
from _measure.options import parser, write_section
from _measure.rounds import Task, repeated, run
from _measure.states import TYPICAL

from tokensession import KeyRing, Policy, SessionCodec

MARKER: Final = "<!-- node -->"
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 12


def main() -> None:
    """Run the program."""
    options = parser(
        "Measures codecs of Node.", rounds=ROUNDS, quick_rounds=QUICK_ROUNDS
    ).parse_args()
    try:
        install()
        section = _measured(QUICK_ROUNDS if options.quick else options.rounds)
    except NoNode as reason:
        section = str(reason)
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def _measured(rounds: int) -> str:
    """Return the section of a run in which both languages take turns."""
    ring = KeyRing.generate()
    codec = SessionCodec(ring, policy=Policy(idle_timeout=TTL))
    state = TYPICAL.value
    token = codec.encode(state)
    with NodePeers(state, ring) as peers:
        for row in peers.rows:
            if row.name.startswith("tokensession"):
                assert codec.decode(row.token).state == state
        tasks = [
            Task(f"{GROUP} encode", OWN, repeated(codec.encode, state)),
            Task(f"{GROUP} decode", OWN, repeated(codec.decode, token)),
            *peers.tasks(GROUP),
        ]
        times = run(tasks, rounds)
    characters = {OWN: len(token), **{row.name: len(row.token) for row in peers.rows}}
    return NodeReport(times, characters, peers.versions, peers.missing, rounds).markdown()


if __name__ == "__main__":
    main()
