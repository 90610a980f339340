# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures revocation: a copy's check against a decode, its memory, lookups, and delays.

Usage: `python benchmarks/revocation.py [--rounds N] [--quick] [--write]`

Needs the extra ``test``, whose servers it starts. The exit code is 0 for all figures.
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import redis
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' servers

from _measure.machine import machine
from _measure.options import parser, write_section
from _measure.revoked import (
    delays,
    denials_per_second,
    lookup_tasks,
    measure_copy,
    middle_and_most,
    open_store,
)
from _measure.rounds import run
from _measure.table import Table

from tests.servers import Postgres, Valkey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import Server

MARKER: Final = "<!-- revocation -->"
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 20
SIZES: Final = (1_000_000, 10_000_000)
QUICK_SIZES: Final = (50_000,)
PACKAGES: Final = ("tokensession", "cryptography", "msgspec", "sqlalchemy", "psycopg", "redis")
MOST_OF_A_DECODE: Final = 0.1
MOST_BYTES: Final = 100
MOST_SECONDS: Final = 1.25  # "about a second": a reading each second, and what it takes
COPY_CAPTION: Final = (
    "A replica's copy: its memory, the time to read it, and what a check adds. Shares are of a "
    "decode in the same round: median, and first to third quartile. Targets: the check at most "
    f"{MOST_OF_A_DECODE}, at most {MOST_BYTES} bytes."
)
STORE_CAPTION: Final = (
    "Asking the store each time, in microseconds (medians), against a bare round trip of the same "
    "client; revocations per second by one process that writes from 1 and from 4 threads."
)
DELAY_CAPTION: Final = (
    "Seconds after which a revocation was in force in all of 4 processes that follow the server, "
    f"each by `Replica(store)` as it is by default. Target: about a second ({MOST_SECONDS} s)."
)


def main() -> None:
    """Run the program."""
    options = parser("Measures revocation.", rounds=ROUNDS, quick_rounds=QUICK_ROUNDS).parse_args()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    section = "\n\n".join([
        f"{machine(PACKAGES)} {rounds} rounds.",
        *_copies(QUICK_SIZES if options.quick else SIZES, rounds),
        *_stores(rounds, seconds=0.5 if options.quick else 5, trials=5 if options.quick else 50),
    ])  # fmt: skip
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def _copies(sizes: tuple[int, ...], rounds: int) -> list[str]:
    table = Table([
        "entries", "bytes each", "read in, s", "decode, us", "check, us", "check / decode",
        "begun after the last mark", "decode with it / without", "met",
    ])  # fmt: skip
    for size in sizes:
        sys.stderr.write(f"{size:,} entries\n")
        # A process for each, so that none has the memory of another.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            copy = pool.submit(measure_copy, size, rounds).result()
        met = copy.share.middle <= MOST_OF_A_DECODE and copy.bytes_each <= MOST_BYTES
        table.add(
            f"{size:,}", f"{copy.bytes_each:.0f}", f"{copy.seconds:.1f}", f"{copy.decode:.1f}",
            f"{copy.check:.2f}", str(copy.share), str(copy.after), str(copy.with_it),
            "pass" if met else "miss",
        )  # fmt: skip
    return [COPY_CAPTION, str(table)]


def _stores(rounds: int, *, seconds: float, trials: int) -> list[str]:
    asked = Table(["store", "round trip", "lookup", "ratio", "by 1 thread", "by 4 threads"])
    heard = Table(["store", "median", "at most", "revocations", "met"])
    for name, server in (("PostgreSQL", Postgres()), ("Valkey", Valkey())):
        sys.stderr.write(f"{name}\n")
        with server, closing(open_store(server.url)) as connection:
            store = connection.revocations()
            connection.create()
            with closing(_Pings(name, server)) as pings:
                times = run(lookup_tasks(name, store, pings.ping), rounds)
            asked.add(
                name,
                f"{times.microseconds(name, 'round trip'):.0f}",
                f"{times.microseconds(name, 'lookup'):.0f}",
                str(times.ratio([(name, "lookup")], [(name, "round trip")])),
                f"{denials_per_second(store, seconds):.0f}",
                f"{denials_per_second(store, seconds, 4):.0f}",
            )
            middle, most = middle_and_most(delays(name, server.url, trials))
            met = "pass" if most <= MOST_SECONDS else "miss"
            heard.add(name, f"{middle:.2f}", f"{most:.2f}", str(trials), met)
    return [STORE_CAPTION, str(asked), DELAY_CAPTION, str(heard)]


class _Pings:
    """Bare round trips of the client that a store has.

    Attributes:
        ping: Makes one.
    """

    def __init__(self, name: str, server: Server) -> None:
        self.ping: Callable[[], Any]
        if name == "PostgreSQL":
            engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
            self.close: Callable[[], None] = engine.dispose
            one = sa.select(1)

            def ping() -> None:
                with engine.connect() as connection:
                    connection.execute(one).one()

            self.ping = ping
        else:
            client = redis.Redis.from_url(server.url)
            self.ping, self.close = client.ping, client.close


if __name__ == "__main__":
    main()
