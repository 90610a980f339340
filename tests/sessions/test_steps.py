"""Steps, and the two drivers that do them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tokensession import StoreError
from tokensession.sessions.steps import from_here_to_the_end, run, run_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.sessions.steps import Steps


def run_in_loop(steps: Steps[Any]) -> Any:
    """Do the steps beside an event loop."""
    return asyncio.run(run_beside(steps))


def run_without_loop(steps: Steps[Any]) -> Any:
    """Do the steps where no loop of asyncio runs, as under another event loop."""
    coroutine = run_beside(steps)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited for something")


DRIVERS = [run, run_in_loop, run_without_loop]


def fail() -> None:
    """Fail, as a store that cannot be reached."""
    raise ConnectionError("down")


@pytest.mark.parametrize("driver", DRIVERS)
class TestDrivers:
    """Both drivers do the same."""

    def test_no_step_at_all(self, driver: Callable[[Steps[Any]], Any]) -> None:
        """Steps can end without one."""

        def steps() -> Steps[int]:
            return 7
            yield

        assert driver(steps()) == 7

    def test_answers_are_sent(self, driver: Callable[[Steps[Any]], Any]) -> None:
        """Each call is done once, in order, before and after the point of no return."""
        done: list[int] = []

        def call(number: int) -> int:
            done.append(number)
            return number * 10

        def steps() -> Steps[list[int]]:
            answers = [(yield lambda: call(1)), (yield lambda: call(2))]
            yield from_here_to_the_end
            answers.append((yield lambda: call(3)))
            return answers

        assert driver(steps()) == [10, 20, 30]
        assert done == [1, 2, 3]

    @pytest.mark.parametrize("late", [False, True])
    def test_errors_are_thrown(self, driver: Callable[[Steps[Any]], Any], *, late: bool) -> None:
        """The steps decide about them: they can go on, and raise another."""

        def steps() -> Steps[None]:
            if late:
                yield from_here_to_the_end
            try:
                yield fail
            except ConnectionError as error:
                assert (yield lambda: "still here") == "still here"
                raise RuntimeError("gave up") from error

        with pytest.raises(RuntimeError, match="gave up") as found:
            driver(steps())
        assert isinstance(found.value.__cause__, ConnectionError)

    @pytest.mark.parametrize("late", [False, True])
    def test_an_error_that_the_steps_leave_alone(
        self, driver: Callable[[Steps[Any]], Any], *, late: bool
    ) -> None:
        """It reaches the caller as it is."""

        def steps() -> Steps[None]:
            if late:
                yield from_here_to_the_end
            yield fail

        with pytest.raises(ConnectionError, match="down"):
            driver(steps())


def test_calls_are_done_beside_the_loop() -> None:
    """Each runs in a thread, while the loop goes on."""
    threads: list[int] = []
    released = threading.Event()

    def call() -> None:
        assert released.wait(60)
        threads.append(threading.get_ident())

    def steps() -> Steps[None]:
        yield call
        yield from_here_to_the_end
        yield call

    async def both() -> None:
        waiting = asyncio.ensure_future(run_beside(steps()))
        await asyncio.sleep(0)
        released.set()
        await waiting

    asyncio.run(both())
    assert len(threads) == 2
    assert threading.get_ident() not in threads


class Cancelled:
    """Steps that are cancelled while a call of theirs runs.

    Attributes:
        done: What they did.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self._running = threading.Event()
        self._released = threading.Event()

    def call(self) -> None:
        """Run until the cancellation has been asked for."""
        self._running.set()
        assert self._released.wait(60)
        self.done.append("called")

    async def cancel(self, steps: Steps[Any], *, again: bool = False) -> None:
        """Run the steps, and cancel them in their call, once or as often as anyio does."""
        task = asyncio.ensure_future(run_beside(steps))
        await asyncio.to_thread(self._running.wait, 60)
        task.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
            if again:
                task.cancel()
        if again:
            with pytest.raises(asyncio.CancelledError):
                await task
        self._released.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        for other in asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait([other])
        await asyncio.sleep(0)


def test_a_cancellation_is_thrown_into_the_steps() -> None:
    """They learn of it, and do nothing after it."""
    one = Cancelled()

    def steps() -> Steps[None]:
        try:
            yield one.call
        except asyncio.CancelledError:
            one.done.append("cancelled")
            raise
        yield one.call

    asyncio.run(one.cancel(steps()))
    assert one.done == ["cancelled", "called"]  # the thread ends by itself


@pytest.mark.parametrize("error", [None, ConnectionError("a secret"), StoreError("it is down")])
@pytest.mark.parametrize("again", [False, True])
def test_a_cancellation_does_not_stop_what_must_not_be_cancelled(
    error: Exception | None, caplog: pytest.LogCaptureFixture, *, again: bool
) -> None:
    """The steps run to their end, and the log has their error, as the cancellation comes first."""
    one = Cancelled()

    def steps() -> Steps[None]:
        yield from_here_to_the_end
        yield one.call
        yield lambda: one.done.append("and this")
        if error is not None:
            raise error

    asyncio.run(one.cancel(steps(), again=again))
    assert one.done == ["called", "and this"]
    said: dict[type, str] = {ConnectionError: "ConnectionError", StoreError: "it is down"}
    logged = [record.getMessage() for record in caplog.records]
    cause = said.get(type(error))
    assert logged == ([f"the session of a cancelled request was not saved: {cause}"] * bool(error))
