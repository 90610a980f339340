"""Lists of revocations to measure: large ones in memory, and small ones on servers."""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep, time
from typing import TYPE_CHECKING, Any, Final

from _measure.rounds import Task, repeated, run
from tokensession import KeyRing, Policy, SessionCodec
from tokensession.revocation.decision import Denial
from tokensession.revocation.limits import BATCH
from tokensession.revocation.replica import Replica
from tokensession.revocation.store import Batch
from tokensession.sessions import steps
from tokensession.stores import connect
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from _measure.rounds import Spread
    from tokensession.revocation.store import Position, Store
    from tokensession.stores import Connection as StoreConnection

LIFE: Final = 28_800  # seconds
POLICY: Final = Policy(idle_timeout=1800, absolute_timeout=LIFE)
PROCESSES: Final = 4
_TIMEOUT: Final = 60.0  # seconds; nothing here is to fail because the machine is busy
_SID: Final = 16
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SAY: Final = 1_000_000  # entries between two words


@dataclass(frozen=True)
class Copy:
    """What a copy of a list costs.

    Attributes:
        bytes_each: Of resident memory, for each entry.
        seconds: That reading the list took; it came from a generator in the same process.
        decode: Microseconds of a decode that checks no list.
        with_it: The share of a decode that checks the copy, of one that does not.
        check: Microseconds of the check alone.
        share: The share of the check in a decode.
        after: The same for sessions begun after the last mark, as nearly all are.
    """

    bytes_each: float
    seconds: float
    decode: float
    with_it: Spread
    check: float
    share: Spread
    after: Spread


class Generated(MemoryStore):
    """Gives so many random entries to who reads it the first time."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self._entries_to_give = entries

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give them in batches, with a word now and then."""
        until = int(time())
        for number in range(0, self._entries_to_give if position is None else 0, BATCH):
            if number and number % _SAY == 0:
                sys.stderr.write(f"{number:,} of {self._entries_to_give:,} entries read\n")
            sids = os.urandom(_SID * BATCH)
            yield Batch([
                (sids[at : at + _SID], until + at % LIFE) for at in range(0, len(sids), _SID)
            ])  # fmt: skip
        yield from super().read(position)


def measure_copy(entries: int, rounds: int) -> Copy:
    """Fill a copy, and time checks of it beside decodes; to be run in a process of its own."""
    before = resident()
    begun = perf_counter()
    replica = Replica(Generated(entries), refresh=1000, max_staleness=10_000)
    replica.read()
    seconds = perf_counter() - begun
    used = resident() - before
    ring = KeyRing.generate()
    plain: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
    asking: SessionCodec[Any] = SessionCodec(ring, policy=POLICY, revocation=replica)
    state = {"user_id": 184467, "cart": ["ESPRESSO-1KG", "HAND-GRINDER"], "csrf": "x" * 32}
    tokens = [asking.encode(state, subject="184467") for _ in range(500)]
    sessions = [asking.decode(token) for token in tokens]
    asking.revoke_subject("another user")  # so that there is a mark, after these began
    sids = [session.sid for session in sessions]
    start = sessions[0].started_at

    def turns(call: Any, arguments: list[Any]) -> Any:
        # Other sessions each time, as in a service: no part of the list is in a processor's cache.
        return lambda calls: (call, (arguments * (calls // len(arguments) + 1))[:calls])

    def revokes(started_at: int) -> Callable[[bytes], bool]:
        return lambda sid: steps.run(replica.revoking(sid, started_at, "184467"))

    tasks = [
        Task("copy", "decode", turns(plain.decode, tokens)),
        Task("copy", "with it", turns(asking.decode, tokens)),
        Task("copy", "check", turns(revokes(start), sids)),
        Task("copy", "after", turns(revokes(start + 3600), sids)),
    ]  # fmt: skip
    times = run(tasks, rounds)
    replica.close()
    decode = [("copy", "decode")]
    return Copy(
        bytes_each=used / entries,
        seconds=seconds,
        decode=times.microseconds("copy", "decode"),
        with_it=times.ratio([("copy", "with it")], decode),
        check=times.microseconds("copy", "check"),
        share=times.ratio([("copy", "check")], decode),
        after=times.ratio([("copy", "after")], decode),
    )


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def open_store(url: str) -> StoreConnection:
    """Return a connection to the store of a server."""
    return connect(url, timeout=_TIMEOUT)


def lookup_tasks(name: str, store: Store, ping: Any) -> list[Task]:
    """Return a lookup, and a bare round trip of the same client."""
    sid, subject = os.urandom(_SID), os.urandom(32)
    return [
        Task(name, "round trip", repeated(lambda _: ping(), None)),
        Task(name, "lookup", repeated(lambda one: store.look_up(one, subject), sid)),
    ]


def denials_per_second(store: Store, seconds: float, writers: int = 1) -> float:
    """Return how many session ids a process can deny, from so many threads."""

    def write(until: float) -> int:
        count, now = 0, int(time())
        while monotonic() < until:
            store.deny(Denial(os.urandom(_SID), None, now, now + LIFE), now=now)
            count += 1
        return count

    begun = monotonic()
    with ThreadPoolExecutor(writers) as pool:
        count = sum(pool.map(write, [begun + seconds] * writers))
    return count / (monotonic() - begun)


def delays(name: str, url: str, trials: int) -> list[float]:
    """Return after how many seconds each of some revocations was in force in all of 4 processes.

    They follow the server as a replica does by default; another one revokes.
    """
    spawn = multiprocessing.get_context("spawn")
    ends, processes = [], []
    for _ in range(PROCESSES):
        end, other = spawn.Pipe()
        process = spawn.Process(target=follow, args=(url, other), daemon=True)
        process.start()
        ends.append(end)
        processes.append(process)
    now, found = int(time()), []
    with closing(open_store(url)) as connection:
        store = connection.revocations()
        for number in range(trials):
            sid = os.urandom(_SID)
            for end in ends:
                end.send(sid)
            for end in ends:
                end.recv()  # it watches
            store.deny(Denial(sid, None, now, now + LIFE), now=now)
            begun = monotonic()  # the clock of the machine, the same in all processes
            found.append(max(end.recv() for end in ends) - begun)
            if number % 10 == 0:
                sys.stderr.write(f"{name}: {number + 1} of {trials} revocations in force\n")
            sleep(0.13)  # so that they do not begin at the same moment of a reading
    for end, process in zip(ends, processes, strict=True):
        end.send(None)
        process.join()
    return found


def follow(url: str, end: Connection) -> None:
    """Tell of each session id that comes when this process has heard that it is revoked."""
    now = int(time())
    with (
        closing(open_store(url)) as connection,
        closing(Replica(connection.revocations())) as replica,
    ):
        replica.read()
        while (sid := end.recv()) is not None:
            steps.run(replica.revoking(sid, now, None))  # starts its thread
            end.send(None)
            while not steps.run(replica.revoking(sid, now, None)):
                sleep(0.001)
            end.send(monotonic())


def middle_and_most(values: list[float]) -> tuple[float, float]:
    """Return the median and the greatest."""
    return median(values), max(values)
