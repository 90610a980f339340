# ruff: noqa: INP001 - a program beside the files that it reads, not a package
"""Measures a directory: a sign-in with one against one without, and lists among many records.

Usage: `python benchmarks/directory.py [--records N] [--rounds N]`

Needs the extra ``test``, whose servers it starts. The figures are information: the exit code is 0
whatever they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Final

import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' servers

from tests.servers import Mongo, Postgres, Valkey
from tokensession import KeyRing, SessionCodec
from tokensession.revocation.replica import Replica
from tokensession.sessions.listing import Record, listed_id
from tokensession.stores import connect

if TYPE_CHECKING:
    from collections.abc import Callable

PER_SUBJECT: Final = 5  # sessions


def main() -> None:
    """Measure each store, and print a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=300)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres, Valkey() as valkey, \
            Mongo() as mongo:  # fmt: skip
        urls = {"memory": "memory:", "SQLite": f"sqlite:///{folder}/bench.db"}
        urls |= {"PostgreSQL": postgres.url, "Valkey": valkey.url, "MongoDB's protocol": mongo.url}
        for name, url in urls.items():
            say(f"{name}: {sign_ins(url, args.rounds)}")
    with Valkey(durable=False) as valkey:  # a log would make filling it take an hour
        say(f"Valkey, {args.records} records: {many(valkey.url, args.records, args.rounds)}")


def sign_ins(url: str, rounds: int) -> str:
    """Return what a sign-in takes without a directory and with one, by turns."""
    ring = KeyRing.generate()
    with closing(connect(url)) as store:
        role, revocations = store.directory(), store.revocations()
        store.create()
        replica = Replica(revocations, max_staleness=3600)
        replica.read()
        without: SessionCodec[Any] = SessionCodec(ring, revocation=replica)
        with_one: SessionCodec[Any] = SessionCodec(ring, revocation=replica, directory=role)
        times: dict[str, list[float]] = {"without": [], "with": [], "a renewal": [], "a read": []}
        for number in range(rounds):
            subject = f"user {number // PER_SUBJECT}"
            now = int(time())
            timed(times["without"], lambda: without.encode({}, subject=subject))  # noqa: B023
            token = timed(times["with"], lambda: with_one.encode({}, subject=subject))  # noqa: B023
            session = timed(times["a read"], lambda: with_one.decode(token))  # noqa: B023
            timed(times["a renewal"], lambda: with_one.renew(session, now=now + 900))  # noqa: B023
        replica.close()
    return ", ".join(f"{name} {median(taken):.0f} us" for name, taken in times.items())


def many(url: str, records: int, rounds: int) -> str:
    """Return what many records take, and how long it takes to list and to end a session."""
    now = int(time())
    with (
        closing(connect(url, prefix="many", timeout=10)) as store,
        redis.Redis.from_url(url) as raw,
    ):
        role, revocations = store.directory(), store.revocations()
        store.create()
        before = raw.info("memory")["used_memory"]
        for number in range(records):
            role.touch(record(number, now))
        used = (raw.info("memory")["used_memory"] - before) / records
        codec: SessionCodec[Any] = SessionCodec(
            KeyRing.generate(), revocation=revocations, directory=role
        )
        lists: list[float] = []
        ends: list[float] = []
        for number in range(rounds):
            subject = f"user {number * 7919 % (records // PER_SUBJECT)}"
            found = timed(lists, lambda: codec.sessions(subject))  # noqa: B023
            timed(ends, lambda: codec.end_session(subject, found[0].id))  # noqa: B023
    return (
        f"{used:.0f} bytes each, a list {median(lists):.0f} us, an end {median(ends):.0f} us, "
        f"the slowest {max(lists):.0f} and {max(ends):.0f} us"
    )


def record(number: int, now: int) -> Record:
    """Return the record of a session."""
    sid = sha256(number.to_bytes(8, "big")).digest()[:16]
    subject = sha256(f"user {number // PER_SUBJECT}".encode()).digest()
    ends = now + 30_000
    return Record(listed_id(sid), sid, subject, now, now, ends, ends, "Firefox on Linux")


def timed(times: list[float], call: Callable[[], Any]) -> Any:
    """Do a call, and note its microseconds."""
    began = perf_counter()
    result = call()
    times.append((perf_counter() - began) * 1e6)
    return result


def say(line: str) -> None:
    """Print a line."""
    print(line, flush=True)  # noqa: T201  # a program's output


if __name__ == "__main__":
    main()
