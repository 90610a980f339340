"""Lifecycles of keys at length: ``python -m tests.trials.lifecycles --examples 1000``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.keys.test_lifecycles import TALLY, Lifecycles


def main() -> None:
    """Run random histories, other ones each time; print what happened, or the shortest failure."""
    parser = ArgumentParser(prog="python -m tests.trials.lifecycles")
    parser.add_argument("--examples", type=int, default=1000, help="how many histories")
    parser.add_argument("--steps", type=int, default=50, help="the most steps of each")
    args = parser.parse_args()
    long = settings(
        max_examples=args.examples,
        stateful_step_count=args.steps,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Lifecycles, settings=long)
    finally:
        sys.stdout.write(" ".join(f"{name}={count}" for name, count in TALLY.items()) + "\n")


if __name__ == "__main__":
    main()
