"""Rotators at the same instant: ``python -m tests.trials.races --rounds 200``.

Each rotator is a process of its own. In each round all of them wait for one moment, and then do
what is due; the document must have exactly one key more afterwards, and one serial.
"""

from __future__ import annotations

import multiprocessing
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

from tests.keys.places import place
from tests.servers import Postgres, Redis, Valkey
from tokensession import KeyRing
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule, plan
from tokensession.keys.source import create, load_ring, update

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

NOW = 1_785_000_000
PATIENCE = 300
SCHEDULE = Schedule(token_lifetime=43200)


@dataclass
class Outcome:
    """What a race left.

    Attributes:
        rounds: How many there were.
        faults: Each round that ended with another number of keys, or of serials, than one more.
        writes: How many of all rotators' writes won; one in each round.
    """

    rounds: int
    faults: list[str]
    writes: int
    seconds: float


def _planned(ring: KeyRing, *, now: int) -> KeyRing:
    return plan(ring, now, SCHEDULE)[0]


def _rotate(url: str, rounds: int, gate: Barrier, won: multiprocessing.Queue[int]) -> None:
    source = place(url)
    count = 0
    for number in range(rounds):
        now = NOW + number * SCHEDULE.period
        gate.wait(PATIENCE)
        done = update(source, partial(_planned, now=now))
        count += done.after is not done.before
        gate.wait(PATIENCE)
    won.put(count)


def race(url: str, *, rotators: int, rounds: int) -> Outcome:
    """Let rotators race for a document and tell what they left."""
    source = place(url)
    create(source, KeyRing([generate_key("HS256", nbf=NOW - SCHEDULE.period)]))
    began, faults = monotonic(), []
    context = multiprocessing.get_context("spawn")
    gate, won = context.Barrier(rotators + 1), context.Queue()
    arguments = (url, rounds, gate, won)
    processes = [context.Process(target=_rotate, args=arguments) for _ in range(rotators)]
    for process in processes:
        process.start()
    before = load_ring(source)
    for number in range(rounds):
        gate.wait(PATIENCE)
        gate.wait(PATIENCE)
        after = load_ring(source)
        added = [key for key in after if key.kid not in before]
        now = NOW + number * SCHEDULE.period
        if len(added) != 1 or after.serial != before.serial + 1:
            faults.append(f"round {number}: {len(added)} keys, serial {after.serial}")
        elif added[0].nbf < now + SCHEDULE.propagation:
            faults.append(f"round {number}: it signs before it has spread")
        before = after
    writes = sum(won.get(timeout=PATIENCE) for _ in processes)
    for process in processes:
        process.join(PATIENCE)
    won.close()
    return Outcome(rounds, faults, writes, monotonic() - began)


def main() -> int:
    """Race over a source of each kind, on servers that are started for it."""
    parser = ArgumentParser(prog="python -m tests.trials.races")
    parser.add_argument("--rotators", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    failed = False
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        servers = [stack.enter_context(kind()) for kind in (Postgres, Valkey, Redis)]
        urls = [f"{folder}/keys.json", f"sqlite:///{folder}/keys.db"]
        for url in urls + [server.url for server in servers]:
            outcome = race(url, rotators=args.rotators, rounds=args.rounds)
            failed |= bool(outcome.faults)
            sys.stdout.write(
                f"{place(url).name}: {outcome.rounds} rounds of {args.rotators} rotators, "
                f"{outcome.writes} writes, {len(outcome.faults)} faults, {outcome.seconds:.1f} s\n"
            )
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
