"""Times and texts in words, for terminals and pages. Pure: the time is a parameter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def moment(second: int, now: int) -> str:
    """Return a Unix second as a date, and how far it is from `now`."""
    return f"{iso(second)} ({relative(second, now)})"


def iso(second: int) -> str:
    """Return a Unix second as an ISO 8601 date and time in UTC."""
    try:
        date = _EPOCH + timedelta(seconds=second)
    except OverflowError:
        return f"{second} s after 1970, beyond the year 9999"
    return f"{date:%Y-%m-%dT%H:%M:%SZ}"


def relative(second: int, now: int) -> str:
    """Return how far a Unix second is from `now`: ``in 29 min 58 s``, ``2 s ago`` or ``now``."""
    if second == now:
        return "now"
    return f"in {duration(second - now)}" if second > now else f"{duration(now - second)} ago"


def duration(seconds: int) -> str:
    """Return seconds in their two greatest units, such as ``29 min 58 s``; the rest is cut off."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    rest, words = seconds, list[str]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if words or count:
            words.append(f"{count} {unit}" if count else "")
    return " ".join(word for word in words[:2] if word) or "0 s"


def quoted(value: str | int | None) -> str:
    """Return a subject or context as JSON, so that 42 and "42" differ and nothing acts up."""
    return "none" if value is None else printable(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    r"""Return `text` with all that a terminal might act upon as JSON's ``\u`` escapes."""
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``2 bytes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
