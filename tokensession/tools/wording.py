"""Times and texts in words, for terminals and pages. Pure: the caller passes the time."""

from __future__ import annotations

import json
from typing import Final

from tokensession.format.seconds import in_units, in_utc

iso: Final = in_utc


def moment(second: int, now: int) -> str:
    """Return a Unix second as a date, with its distance from `now`."""
    return f"{iso(second)} ({relative(second, now)})"


def relative(second: int, now: int) -> str:
    """Return the distance of a Unix second from `now`: ``in 29m58s``, ``2s ago`` or ``now``."""
    if second == now:
        return "now"
    return f"in {duration(second - now)}" if second > now else f"{duration(now - second)} ago"


def duration(seconds: int) -> str:
    """Return seconds in their two greatest units, such as ``29m58s``, rounded down."""
    return in_units(seconds, most=2)


def quoted(value: str | int | None) -> str:
    """Return a subject or context as JSON, so that 42 and "42" differ and terminals are safe."""
    return "none" if value is None else printable(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    r"""Return `text` with the characters that could control a terminal as ``\u`` escapes."""
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``2 bytes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
