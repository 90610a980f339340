"""A sign of life from commands that take longer than a second, for a person at a terminal."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tokensession.tools.cli.streams import complain
from tokensession.tools.cli.times import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST: Final = 1.0  # seconds until the first sign
NEXT: Final = 5.0  # seconds between two of them


class Progress:
    """How far a command has come.

    Attributes:
        count: How many `things` are done; 0 where the command does not count.
        things: What it counts.
    """

    def __init__(self) -> None:
        self.count = 0
        self.things = ""

    def words(self, seconds: float) -> str:
        """Return a line that says how long it has taken, and how much is done."""
        done = f", {self.count} {self.things}" if self.count else ""
        return f"still at work after {shown(round(seconds))}{done}"


@contextmanager
def at_work() -> Iterator[Progress]:
    """Show from time to time that a block has not ended; only on a terminal."""
    progress, ended = Progress(), threading.Event()
    if sys.stderr is None or not sys.stderr.isatty():
        yield progress
        return

    def show() -> None:
        passed, wait = 0.0, FIRST
        while not ended.wait(wait):
            passed, wait = passed + wait, NEXT
            complain(progress.words(passed), kind="note")

    thread = threading.Thread(target=show, name="tokensession-progress", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        ended.set()
        thread.join()
