"""The simulation at length: ``python -m tests.trials.simulation``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from time import perf_counter

from .fleet import Broken, Fleet


def main() -> int:
    """Run fleets, one for each seed, and print what happened to them."""
    parser = ArgumentParser(prog="python -m tests.trials.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many fleets")
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--years", type=float, default=10)
    args = parser.parse_args()
    failures = 0
    for seed in range(args.seed, args.seed + args.seeds):
        began = perf_counter()
        fleet = Fleet(seed, processes=args.processes)
        try:
            fleet.run(args.years)
            outcome = "all invariants held"
        except Broken as broken:
            failures += 1
            outcome = f"BROKEN {broken}"
        tally = {name: value for name, value in vars(fleet.tally).items() if name != "algorithms"}
        numbers = " ".join(f"{name}={value}" for name, value in tally.items())
        faults = " ".join(f"{name}={count}" for name, count in fleet.source.faults.items())
        keys = " ".join(f"{name}={count}" for name, count in fleet.tally.algorithms.items())
        sys.stdout.write(
            f"seed {seed}: {outcome} ({perf_counter() - began:.1f} s)\n"
            f"  {numbers}\n  faults of the source: {faults}\n  keys: {keys}\n"
        )
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
