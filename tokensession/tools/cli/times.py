"""Durations and instants, as a person writes them on a command line."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Final

from tokensession.format.seconds import END_OF_DATES, in_units

DURATION: Final = "DURATION"
INSTANT: Final = "TIME"
# Twelve digits are more seconds than any token can carry, so the range decides, not the size.
_DURATION: Final = re.compile(
    r"(?:([0-9]{1,12})d)?(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m)?(?:([0-9]{1,12})s?)?"
)
_SECONDS: Final = (86400, 3600, 60, 1)
_DATE: Final = re.compile(r"[0-9]{8}")
_FORM: Final = "a time is written 2030-01-31, 2030-01-31T18:30:00Z, or in Unix seconds"


def duration(text: str) -> int:
    """Return the seconds of a duration such as ``90d``, ``1h30m`` or ``1800``."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ArgumentTypeError("a duration is written 30m, 12h, 90d, 1h30m, or in seconds")
    counts = (int(count or 0) for count in found.groups())
    return sum(count * size for count, size in zip(counts, _SECONDS, strict=True))


def instant(text: str) -> float:
    """Return the Unix second of an ISO 8601 date or time, which is in UTC unless it says more."""
    try:
        second = float(text)
    except ValueError:
        pass
    else:
        # 20300131 could be a date as well, and 1893456000000 is in milliseconds.
        if not _DATE.fullmatch(text) and abs(second) < END_OF_DATES:
            return second
        raise ArgumentTypeError(_FORM)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(_FORM) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def shown(seconds: int) -> str:
    """Return a duration as `duration` reads it."""
    return in_units(seconds)
