"""Steps: what is decided without I/O, and the two drivers that do the I/O.

A function that needs a store is a generator. It yields the calls that it needs, and is sent their
answers, or thrown their errors. `run` does each call in place; `run_beside` does each in a thread,
beside the event loop. So what to do is decided once, where it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

R = TypeVar("R")

Steps: TypeAlias = Generator[Callable[[], Any], Any, R]


def from_here_to_the_end() -> None:
    """Do nothing: as a step it says that the steps after it must not be cancelled."""


def run(steps: Steps[R]) -> R:
    """Do each call in place, and return what the steps return."""
    try:
        call = next(steps)
        while True:
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001  # the steps decide about it
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result


async def run_beside(steps: Steps[R]) -> R:
    """Do each call in a thread, and return what the steps return.

    A cancellation after `from_here_to_the_end` is raised once the steps have ended. Where the
    event loop is not asyncio's, each call is done in place.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run(steps)
    try:
        call = next(steps)
        while call is not from_here_to_the_end:
            try:
                answer = await asyncio.to_thread(call)
            except BaseException as error:  # noqa: BLE001  # likewise
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result
    rest = asyncio.ensure_future(asyncio.to_thread(run, steps))
    try:
        return await asyncio.shield(rest)
    except asyncio.CancelledError:
        await asyncio.wait([rest])
        rest.exception()  # marks it as seen: the cancellation comes first
        raise
