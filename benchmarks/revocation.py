# ruff: noqa: T201, INP001 - a program that prints, beside others
"""What revocation costs: the check against the decode, memory per entry, asking against a ping.

``python benchmarks/revocation.py [ENTRIES]`` (1,000,000 by default); on the servers of the tests.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import threading
from pathlib import Path
from time import monotonic, perf_counter, sleep, time
from typing import TYPE_CHECKING, Any

import redis
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers import Postgres, Valkey
from tokensession import KeyRing, Policy, SessionCodec
from tokensession.revocation.decision import Denial
from tokensession.revocation.memory import MemoryStore
from tokensession.revocation.redis import RedisStore
from tokensession.revocation.replica import Replica
from tokensession.revocation.sql import SQLStore
from tokensession.revocation.store import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.revocation.store import Position, Store

POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)


class Full(MemoryStore):
    """Gives so many random entries."""

    entries = 0

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give them in batches, once."""
        if position is None:
            until = int(time())
            for _ in range(0, self.entries, 5000):
                sids = os.urandom(16 * 5000)
                yield Batch(
                    [(sids[at : at + 16], until + at % 28_800) for at in range(0, 80_000, 16)]
                )
        yield from super().read(position)


def microseconds(call: Callable[[], Any], *, seconds: float = 0.5, rounds: int = 5) -> float:
    """Return the least of the medians of a call."""
    call()
    found = []
    for _ in range(rounds):
        times = []
        until = perf_counter() + seconds / rounds
        while perf_counter() < until:
            begun = perf_counter()
            for _ in range(20):
                call()
            times.append((perf_counter() - begun) / 20)
        found.append(statistics.median(times))
    return min(found) * 1e6


def replica(entries: int) -> None:
    """Compare decoding with and without a replica, and count its memory."""
    ring = KeyRing.generate()
    store = Full()
    store.entries = entries
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = perf_counter()
    copy = Replica(store, refresh=1000, max_staleness=10_000)
    copy.read()
    load = perf_counter() - begun
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    plain: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
    asking: SessionCodec[Any] = SessionCodec(ring, policy=POLICY, revocation=copy)
    state = {"user_id": 184467, "cart": ["ESPRESSO-1KG", "HAND-GRINDER"], "csrf": "x" * 32}
    token = asking.encode(state, subject="184467")
    session = asking.decode(token)
    asking.revoke_subject("somebody else")
    without = microseconds(lambda: plain.decode(token))
    with_it = microseconds(lambda: asking.decode(token))
    check = microseconds(lambda: copy.revokes(session.sid, session.started_at, session.subject))
    late = microseconds(lambda: copy.revokes(session.sid, session.started_at + 99, "184467"))
    print(f"{entries} entries: {used / entries:.0f} bytes each, read in {load:.2f} s")
    print(
        f"decode {without:.2f} us, with a replica {with_it:.2f} us ({with_it / without - 1:+.1%})"
    )
    print(f"check {check:.2f} us = {check / without:.1%} of a decode; begun after the last mark: "
          f"{late:.2f} us = {late / without:.1%}")  # fmt: skip
    copy.close()


def stores() -> None:
    """Compare a lookup with a bare round trip of the same client, and count writes."""
    with Postgres() as postgres, Valkey() as valkey:
        sql = SQLStore(postgres.url, timeout=60)
        fast = RedisStore(valkey.url, timeout=60)
        engine = sa.create_engine(postgres.url, isolation_level="AUTOCOMMIT")

        def ping_sql() -> None:
            with engine.connect() as connection:
                connection.execute(sa.select(1)).one()

        client = redis.Redis.from_url(valkey.url)
        for name, store, ping in (("postgresql", sql, ping_sql), ("valkey", fast, client.ping)):
            store.create()
            compare(name, store, ping)
            delay(name, store)
        sql.close()
        fast.close()
        engine.dispose()
        client.close()


def compare(name: str, store: Store, ping: Callable[[], Any]) -> None:
    """Print what a lookup takes against a ping, and how many revocations a second there are."""
    sid, subject = os.urandom(16), os.urandom(32)
    trip, lookup = microseconds(ping), microseconds(lambda: store.look_up(sid, subject))
    now = int(time())
    begun, count = monotonic(), 0
    while monotonic() < begun + 1:
        store.deny(Denial(os.urandom(16), None, now, now + 28_805), now=now)
        count += 1
    print(f"{name}: round trip {trip:.0f} us, lookup {lookup:.0f} us ({lookup / trip:.2f} times), "
          f"{count} revocations a second by one writer")  # fmt: skip


def delay(name: str, store: Store) -> None:
    """Print how long it takes until a replica that reads each second has heard."""
    copy = Replica(store)
    copy.read()
    delays = []
    now = int(time())
    for _ in range(8):
        sid = os.urandom(16)
        copy.revokes(sid, now, None)
        store.deny(Denial(sid, None, now, now + 28_805), now=now)
        begun = monotonic()
        while not copy.revokes(sid, now, None):
            sleep(0.001)
        delays.append(monotonic() - begun)
        threading.Event().wait(0.13)
    copy.close()
    print(f"{name}: in force elsewhere after {statistics.median(delays):.2f} s, at most "
          f"{max(delays):.2f} s")  # fmt: skip


if __name__ == "__main__":
    replica(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    stores()
