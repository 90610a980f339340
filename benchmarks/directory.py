# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures a directory: a sign-in with one against one without, and lists among many records.

Usage: `python benchmarks/directory.py [--rounds N] [--quick] [--memory] [--write]`

Needs the extra ``test``, whose servers it starts. The exit code is 0 for all figures.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Final

import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' servers

from _measure.machine import machine
from _measure.options import parser, write_section
from _measure.revoked import resident
from _measure.table import Table

from tests.servers import Mongo, Postgres, Valkey
from tokensession import KeyRing, SessionCodec
from tokensession.revocation.replica import Replica
from tokensession.sessions.listing import Record, listed_id
from tokensession.stores import connect

if TYPE_CHECKING:
    from collections.abc import Callable

PER_SUBJECT: Final = 5  # sessions
CROWD: Final = "crowd"  # whose sessions are half of many records
NAMES: Final = ("sign-in without", "sign-in with", "renewal", "read")
MARKER: Final = "<!-- directory -->"
ROUNDS: Final = 300
QUICK_ROUNDS: Final = 30
RECORDS: Final = 1_000_000
QUICK_RECORDS: Final = 20_000
PACKAGES: Final = ("tokensession", "sqlalchemy", "psycopg", "redis", "pymongo")
CAPTION: Final = (
    "Microseconds (medians) of sign-ins by turns, each codec with a replica. A store that writes "
    "to a disk before it answers takes most of a sign-in."
)


def main() -> None:
    """Run the program."""
    own = parser("Measures a directory.", rounds=ROUNDS, quick_rounds=QUICK_ROUNDS)
    own.add_argument("--memory", action="store_true", help="many records in memory, not in Valkey")
    options = own.parse_args()
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    records = QUICK_RECORDS if options.quick else RECORDS
    table = Table(["store", *NAMES])
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres, Valkey() as valkey, \
            Mongo() as mongo:  # fmt: skip
        urls = {"memory": "memory:", "SQLite": f"sqlite:///{folder}/bench.db"}
        urls |= {"PostgreSQL": postgres.url, "Valkey": valkey.url, "MongoDB's protocol": mongo.url}
        for name, url in urls.items():
            sys.stderr.write(f"{name}\n")
            table.add(name, *(f"{median(times):.0f}" for times in sign_ins(url, rounds).values()))
    sys.stderr.write(f"{records:,} records\n")
    with ExitStack() as stack:
        name, url = "Memory", "memory:"
        if not options.memory:  # durable, its log would make filling it take an hour
            name, url = "Valkey", stack.enter_context(Valkey(durable=False)).url
        among = f"{name} with {records:,} records: {many(url, records, rounds)}."
    section = "\n\n".join([f"{machine(PACKAGES)} {rounds} rounds.", CAPTION, str(table), among])
    if options.write:
        write_section(MARKER, section)
    sys.stdout.write(section + "\n")


def sign_ins(url: str, rounds: int) -> dict[str, list[float]]:
    """Return what requests take: sign-ins without a directory and with one, by turns."""
    ring = KeyRing.generate()
    with closing(connect(url)) as store:
        role, revocations = store.directory(), store.revocations()
        store.create()
        replica = Replica(revocations, max_staleness=3600)
        replica.read()
        without: SessionCodec[Any] = SessionCodec(ring, revocation=replica)
        with_one: SessionCodec[Any] = SessionCodec(ring, revocation=replica, directory=role)
        times: dict[str, list[float]] = {name: [] for name in NAMES}
        for number in range(rounds):
            subject = f"user {number // PER_SUBJECT}"
            now = int(time())
            timed(times["sign-in without"], lambda: without.encode({}, subject=subject))  # noqa: B023
            token = timed(times["sign-in with"], lambda: with_one.encode({}, subject=subject))  # noqa: B023
            session = timed(times["read"], lambda: with_one.decode(token))  # noqa: B023
            timed(times["renewal"], lambda: with_one.renew(session, now=now + 900))  # noqa: B023
        replica.close()
    return times


def many(url: str, records: int, rounds: int) -> str:
    """Return what many records take, and how long it takes to list and to end a session."""
    now = int(time())
    options: dict[str, Any] = {} if url == "memory:" else {"prefix": "many", "timeout": 10}
    with closing(connect(url, **options)) as store:
        role, revocations = store.directory(), store.revocations()
        store.create()
        before = used(url)
        for number in range(records):
            role.touch(record(number, now, records))
        each = (used(url) - before) / records
        codec: SessionCodec[Any] = SessionCodec(
            KeyRing.generate(), revocation=revocations, directory=role
        )
        times: dict[str, list[float]] = {
            name: [] for name in ("a list", "an end", "100 of half of them", "100 from its middle")
        }
        lists, ends, pages, later = times.values()
        middle = f"{now - records // 4}-{'0' * 32}"
        for number in range(rounds):
            subject = f"user {number * 7919 % (records // 2 // PER_SUBJECT)}"
            found = timed(lists, lambda: codec.sessions(subject))  # noqa: B023
            timed(ends, lambda: codec.end_session(subject, found[0].id))  # noqa: B023
            timed(pages, lambda: codec.sessions(CROWD))
            timed(later, lambda: codec.sessions(CROWD, after=middle))
    told = ", ".join(
        f"{name} {median(took):.0f} us (the slowest {max(took):.0f})"
        for name, took in times.items()
    )
    return f"{each:.0f} bytes each, {told}"


def used(url: str) -> int:
    """Return the bytes that a server, or this process, takes."""
    if url == "memory:":
        return resident()
    with redis.Redis.from_url(url) as raw:
        return int(raw.info("memory")["used_memory"])


def record(number: int, now: int, records: int) -> Record:
    """Return the record of a session; half of all are one subject's."""
    sid = sha256(number.to_bytes(8, "big")).digest()[:16]
    crowded, number = number % 2, number // 2
    subject = sha256((CROWD if crowded else f"user {number // PER_SUBJECT}").encode()).digest()
    start, ends = now - records // 2 + number, now + 30_000
    return Record(listed_id(sid), sid, subject, start, now, ends, ends, "Firefox on Linux")


def timed(times: list[float], call: Callable[[], Any]) -> Any:
    """Do a call, and note its microseconds."""
    began = perf_counter()
    result = call()
    times.append((perf_counter() - began) * 1e6)
    return result


if __name__ == "__main__":
    main()
