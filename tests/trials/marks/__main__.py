"""Random histories of marks at length: ``python -m tests.trials.marks --seeds 3000``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from tests.revocation.test_decision import run_history


def main() -> int:
    """Run histories, one for each seed, and print what happened; a fault ends it."""
    parser = ArgumentParser(prog="python -m tests.trials.marks", description=__doc__)
    parser.add_argument("--seed", type=int, default=1000, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3000, help="how many histories")
    args = parser.parse_args()
    fleets = [run_history(seed) for seed in range(args.seed, args.seed + args.seeds)]
    begun, dead = (sum(len(getattr(one, name)) for one in fleets) for name in ("begun", "dead"))
    refused = sum(fleet.refused for fleet in fleets)
    print(  # noqa: T201  # a program's output
        f"{len(fleets)} histories: {begun} sessions began and none was kept from it; {dead} were "
        f"ended, and none of them lives; {refused} calls were refused"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
