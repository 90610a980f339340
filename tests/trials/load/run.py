"""One run: a fleet, its users, a rotator, and a look at the workers' memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from tokensession import KeyRing
from tokensession.keys.file_source import FileSource
from tokensession.keys.jwk import generate_key
from tokensession.keys.source import create, update
from tokensession.stores import connect

from .fleet import HOST, Fleet
from .users import Tally, User

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK = 0.02  # seconds between two looks at what has happened


class TooSlow(Exception):  # noqa: N818  # no error: the machine paused longer than the times allow
    """A key was due before every worker could be seen to have it: nothing can be said of a run."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is like.

    Attributes:
        kind: Of server.
        seconds: How long the users go on, at the least.
        pace: Seconds that a new key has to spread.
        rotations: How many keys follow the first.
        refresh: Seconds between two polls of watchers and replicas.
        staleness: Seconds after which a replica that has heard nothing answers 503.
    """

    kind: str
    seconds: float
    workers: int = 2
    users: int = 8
    pace: int = 2
    rotations: int = 2
    refresh: float = 0.3
    staleness: float = 2.0


@dataclass
class Outcome:
    """What a run showed.

    Attributes:
        seconds: How long it took.
        memory: KiB of each worker that lived throughout, at the begin and at the end.
    """

    plan: Plan
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    memory: list[tuple[int, int]] = field(default_factory=list)
    beside: str = ""


def run(
    plan: Plan, revocations: str | None = None, *, beside: Callable[[Fleet], str] | None = None
) -> Outcome:
    """Do it.

    Args:
        plan: What it is like.
        revocations: The URL of an empty store; None for SQLite in a file.
        beside: Called with the fleet after the users have left.

    Raises:
        TooSlow: The machine was too slow for the plan's pace.
    """
    with tempfile.TemporaryDirectory(prefix="ts-") as folder:
        keys = FileSource(Path(folder) / "keys.json")
        create(keys, KeyRing([generate_key("HS256", nbf=1)]))
        url = revocations or f"sqlite:///{folder}/revocations.db"
        store = connect(url)
        store.create("revocations")
        store.close()
        settings = {
            "LOAD_KEYS": str(Path(folder) / "keys.json"), "LOAD_REVOCATIONS": url,
            "LOAD_REFRESH": str(plan.refresh), "LOAD_STALENESS": str(plan.staleness),
        }  # fmt: skip
        with Fleet(plan.kind, plan.workers, settings) as fleet:
            outcome = Outcome(plan)
            asyncio.run(_play(fleet, keys, outcome))
            if beside is not None:
                outcome.beside = beside(fleet)
    return outcome


async def _play(fleet: Fleet, keys: FileSource, outcome: Outcome) -> None:
    plan, tally = outcome.plan, outcome.tally
    done = asyncio.Event()

    async def browse(number: int) -> None:
        address = (HOST, fleet.port)
        async with User(f"user-{number}", address, tally, staleness=plan.staleness) as user:
            while not done.is_set():
                await user.visit()

    begun = monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(plan.users):
                group.create_task(browse(number))
            with contextlib.ExitStack() as stack:
                stack.callback(done.set)
                outcome.memory = await _direct(keys, tally, plan, begun)
    except BaseExceptionGroup as errors:
        if errors.split(TooSlow)[1] is None:
            raise TooSlow from errors
        raise
    outcome.seconds = monotonic() - begun


async def _direct(
    keys: FileSource, tally: Tally, plan: Plan, begun: float
) -> list[tuple[int, int]]:
    """Rotate while the users go on; return each worker's memory at the begin and at the end."""
    await _until(lambda: len(tally.serials) == plan.workers, plan.pace * 10)
    warm = begun + plan.seconds / 10
    await _until(lambda: monotonic() > warm and tally.replayed > 0, plan.seconds * 10 + 60)
    before = {pid: _resident(pid) for pid in tally.serials}
    for number in range(plan.rotations):
        await _rotate(keys, tally, plan)
        await _until(partial(_have_signed, tally, number + 2), plan.pace * 10)
    await _until(lambda: monotonic() > begun + plan.seconds, plan.seconds + 1)
    return [(size, _resident(pid)) for pid, size in before.items()]


async def _rotate(keys: FileSource, tally: Tally, plan: Plan) -> None:
    """Publish a key, and return when it signs."""
    changed = update(keys, lambda ring: ring.add(propagation=plan.pace, now=time()))
    due = max(key.nbf for key in changed.after)
    serial = changed.after.serial
    spread = False
    while time() < due:
        spread = all(known == serial for known in tally.serials.values())
        await asyncio.sleep(_LOOK)
    if not spread:
        raise TooSlow


def _have_signed(tally: Tally, keys: int) -> bool:
    return len(tally.kids) >= keys


async def _until(condition: Callable[[], bool], patience: float) -> None:
    deadline = monotonic() + patience
    while not condition():
        if monotonic() > deadline:
            raise TooSlow
        await asyncio.sleep(_LOOK)


def _resident(pid: int) -> int:
    """Return how much memory a process has, in KiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
