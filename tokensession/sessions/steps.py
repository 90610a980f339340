"""Steps: decisions without I/O, and the two drivers that do the I/O.

A function that needs a store is a generator. It yields its calls and receives their results or
errors. `run` makes each call in this thread; `run_beside` makes it in another thread, beside the
event loop. So each decision is written once, for both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias, TypeVar

from tokensession.errors import TokenSessionError

R = TypeVar("R")

_log = logging.getLogger("tokensession")

Steps: TypeAlias = Generator[Callable[[], Any], Any, R]


def from_here_to_the_end() -> None:
    """Do nothing. As a step, this marks that the steps after it must not be cancelled."""


def one_step(call: Callable[[], R]) -> Steps[R]:
    """Return the steps of a single call."""
    answer: R = yield call
    return answer


def run(steps: Steps[R]) -> R:
    """Make each call in this thread, and return the result of the steps."""
    try:
        call = next(steps)
        while True:
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001  # the steps handle it
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result


async def run_beside(steps: Steps[R]) -> R:
    """Make each call in another thread, and return the result of the steps.

    A cancellation after `from_here_to_the_end` is raised when the steps have ended; a second one,
    as anyio sends it, at once. In both cases the steps run to their end. If the event loop is not
    asyncio's, calls are made in this thread.
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
            except BaseException as error:  # noqa: BLE001  # the steps handle it
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
        rest.add_done_callback(_tell_failure)  # because the cancellation comes first
        await asyncio.wait([rest])
        raise


def begun(steps: Coroutine[Any, Any, R]) -> asyncio.Future[R]:
    """Start a task whose error need not be retrieved, because its caller meets it elsewhere too."""
    task = asyncio.ensure_future(steps)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _tell_failure(rest: asyncio.Future[Any]) -> None:
    """Log the error of steps whose caller was cancelled."""
    error = None if rest.cancelled() else rest.exception()
    if error is not None:
        text = str(error) if isinstance(error, TokenSessionError) else type(error).__name__
        _log.warning("the session of a cancelled request was not saved: %s", text)
