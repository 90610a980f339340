"""The tour: it runs each step in front of the reader, and compares the results."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tokensession.errors import TokenSessionError
from tokensession.tools.tour_steps import MARGIN, walk

if TYPE_CHECKING:
    from collections.abc import Callable

_BOLD, _GREEN, _RED, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
_INDENT: Final = " " * MARGIN


def show(say: Callable[[str], object], *, now: int, color: bool = False) -> bool:
    """Run and print all steps; return whether all went as expected.

    Args:
        say: Prints a line.
        now: The Unix second at which the tour begins; its other times follow from it.
        color: Use the colours of a terminal.
    """

    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if color else text

    failed = paint(_RED, "NOT AS EXPECTED")
    outcomes: list[bool] = []
    with TemporaryDirectory(prefix="tokensession-") as folder:
        try:
            for number, step in enumerate(walk(Path(folder), now=now), 1):
                say(paint(_BOLD, f"{number}. {step.title}"))
                for line in step.lines:
                    say(_INDENT + line)
                verdict = paint(_GREEN, "ok") if step.as_expected else failed
                say(f"{_INDENT}{verdict}: {step.expected}\n")
                outcomes.append(step.as_expected)
        except TokenSessionError as error:  # later steps make no sense
            say(f"{_INDENT}{failed}: the next step ended with: {error}\n")
            outcomes.append(False)
    summary = f"{sum(outcomes)} of {len(outcomes)} steps were as expected."
    say(paint(_GREEN if all(outcomes) else _RED, summary))
    return all(outcomes)
