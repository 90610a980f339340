"""Runs the peers' suites that the command line names, or all."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from . import __path__ as here
from .suite import Suite, prepare

PEERS = sorted(
    m.name
    for m in pkgutil.iter_modules(here)
    if not m.ispkg and m.name not in {"__main__", "suite"}
)


def judge(suite: Suite, *, own: bool, source: Path | None) -> bool:
    """Run a suite, print what failed, and return whether each failure is explained."""
    failed = suite.run(prepare(suite, own=own, source=source))
    known = set() if own else set(suite.explained)
    print(f"{suite.name}: {len(failed)} failed, {len(failed & known)} of them explained")
    for name in sorted(failed - known):
        print(f"  failed: {name}")
    for name in sorted(known - failed):
        print(f"  explained, but passes: {name}")
    return own or failed == known


def main() -> int:
    """Run the suites."""
    parser = argparse.ArgumentParser(description="Runs the peers' own test suites.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--own", action="store_true", help="on the peers' own sessions")
    parser.add_argument("--source", type=Path, metavar="FOLDER", help="the peer's unpacked source")
    arguments = parser.parse_args()
    if arguments.source is not None and len(arguments.names) != 1:
        parser.error("--source goes with one NAME")
    modules = [importlib.import_module(f".{n}", __package__) for n in arguments.names or PEERS]
    suites: list[Suite] = [module.SUITE for module in modules]
    if not arguments.names:
        suites = [suite for suite in suites if suite.archive is not None]
    for suite in suites:
        if suite.archive is None and arguments.source is None:
            parser.error(f"no archive holds the tests of {suite.name}: add --source FOLDER")
    judged = [judge(suite, own=arguments.own, source=arguments.source) for suite in suites]
    return 0 if all(judged) else 1


if __name__ == "__main__":
    sys.exit(main())
