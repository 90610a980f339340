"""Timing in rounds: every task of a group once per round, in a new order each time."""

from __future__ import annotations

import gc
import random
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

TURN_NS: Final = 1_500_000  # how long one turn of one task should take
MAX_CALLS: Final = 1000
_PATIENCE: Final = 2.0  # seconds without a word
_PAUSE: Final = 5.0  # seconds between two words


@dataclass(frozen=True)
class Task:
    """What is timed.

    Attributes:
        group: Tasks of one group are compared, so they take their turns next to each other.
        name: Of the task within its group.
        prepare: Gives, untimed, what to call and with what, one argument per call.
        around: Entered, untimed, before the calls of a turn and left after them.
        elsewhere: Given how many calls, has another process make them, and gives nanoseconds per
            call by that one's clock; then nothing is called here.
    """

    group: str
    name: str
    prepare: Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]]
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    elsewhere: Callable[[int], float] | None = None


def repeated(
    call: Callable[[Any], object], argument: Any
) -> Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]]:
    """Return the `prepare` of a task that calls the same with the same argument each time."""
    return lambda calls: (call, [argument] * calls)


@dataclass(frozen=True)
class Spread:
    """The middle of what the rounds gave.

    Attributes:
        middle: The median.
        low: The first quartile.
        high: The third quartile.
    """

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        """Show the median, and the quartiles in brackets."""
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high)


@dataclass
class Times:
    """Nanoseconds per call, of each task in each round."""

    _rounds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, task: Task, nanoseconds: float) -> None:
        """Record one turn."""
        self._rounds.setdefault((task.group, task.name), []).append(nanoseconds)

    def microseconds(self, group: str, name: str) -> float:
        """Return the median of a task's rounds."""
        return median(self._rounds[group, name]) / 1000

    def ratio(self, over: Iterable[tuple[str, str]], under: Iterable[tuple[str, str]]) -> Spread:
        """Return how the sum of some tasks relates to that of others, taken round by round."""
        above, below = self._sums(over), self._sums(under)
        return spread([a / b for a, b in zip(above, below, strict=True)])

    def added(self, whole: tuple[str, str], part: tuple[str, str]) -> Spread:
        """Return the microseconds by which one task takes longer than another, round by round."""
        pairs = zip(self._rounds[whole], self._rounds[part], strict=True)
        return spread([(longer - shorter) / 1000 for longer, shorter in pairs])

    def added_ratio(
        self, over: tuple[str, str], under: tuple[str, str], part: tuple[str, str]
    ) -> Spread:
        """Return how what one task adds to `part` relates to what another adds to it."""
        triples = zip(*(self._rounds[task] for task in (over, under, part)), strict=True)
        return spread([(a - base) / (b - base) for a, b, base in triples if b != base])

    def _sums(self, tasks: Iterable[tuple[str, str]]) -> list[float]:
        return [sum(turns) for turns in zip(*(self._rounds[task] for task in tasks), strict=True)]


def run(tasks: Sequence[Task], rounds: int) -> Times:
    """Time each task once per round and return the times.

    The groups and the tasks of a group are shuffled anew for every round; the garbage collector
    runs between rounds only.
    """
    started = spoke = perf_counter()
    calls = {(task.group, task.name): _calibrated(task) for task in tasks}
    groups = [[task for task in tasks if task.group == group] for group in {t.group for t in tasks}]
    times = Times()
    gc.collect()
    gc.freeze()
    for number in range(rounds):
        random.shuffle(groups)
        for group in groups:
            random.shuffle(group)
            for task in group:
                times.add(task, _turn(task, calls[task.group, task.name]))
        gc.collect()
        now = perf_counter()
        if now - started > _PATIENCE and now - spoke > _PAUSE:
            spoke = now
            sys.stderr.write(f"round {number + 1} of {rounds}\n")
    gc.unfreeze()
    return times


def _calibrated(task: Task) -> int:
    """Return how many calls make a turn."""
    _turn(task, 2)
    return max(2, min(MAX_CALLS, round(TURN_NS / _turn(task, 10))))


def _turn(task: Task, calls: int) -> float:
    if task.elsewhere is not None:
        return task.elsewhere(calls)
    call, arguments = task.prepare(calls)
    with task.around():
        gc.disable()
        start = perf_counter_ns()
        for argument in arguments:
            call(argument)
        taken = perf_counter_ns() - start
        gc.enable()
    return taken / len(arguments)
