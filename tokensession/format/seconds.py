"""Durations and instants in whole seconds, validated. Pure except for the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import time
from typing import Final, TypeAlias

from tokensession.errors import ConfigError
from tokensession.format.claims import MAX_SECONDS
from tokensession.format.core_values import MAX_INT

Duration: TypeAlias = int | timedelta

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
# The Unix second after the year 9999; what was meant in milliseconds is beyond it.
END_OF_DATES: Final = 253_402_300_800
MAX_LEEWAY: Final = 3600  # a clock that is an hour off must be repaired, not tolerated


def check_seconds(name: str, value: object, *, least: int = 1, most: int = MAX_SECONDS) -> None:
    """Refuse a duration that is not a whole number of seconds from `least` to `most`.

    Raises:
        ConfigError: The duration is invalid; the message has its name, value and range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(
            f"{name} must be a whole number of seconds (int), not {type(value).__name__}"
        )
    if not least <= value <= most:
        raise ConfigError(f"{name} must be from {least} to {most} seconds, not {value}")


def duration(name: str, value: Duration, *, least: int = 1, most: int = MAX_SECONDS) -> int:
    """Return a duration in whole seconds.

    Args:
        name: The name of the duration in messages.
        value: Seconds, or a timedelta of whole seconds.
        least: The minimum in seconds.
        most: The maximum in seconds.

    Raises:
        ConfigError: The duration is invalid; the message has its name, value and range.
    """
    if isinstance(value, timedelta):
        if value.microseconds:
            raise ConfigError(f"{name} must be a whole number of seconds, not {value}")
        value = value.days * 86400 + value.seconds
    elif isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(
            f"{name} must be a whole number of seconds (int) or a timedelta, "
            f"not {type(value).__name__}"
        )
    check_seconds(name, value, least=least, most=most)
    return value


def in_units(seconds: int, *, most: int = len(_UNITS)) -> str:
    """Return seconds in their greatest units without a gap, such as ``1d12h``; the rest is cut off.

    Args:
        seconds: The duration.
        most: How many units; all of them by default, so that nothing is cut off.
    """
    if seconds < 0:
        return f"-{in_units(-seconds, most=most)}"
    rest, words = seconds, list[str]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if words or count:
            words.append(f"{count}{unit}" if count else "")
    return "".join(words[:most]) or "0s"


def in_utc(second: int) -> str:
    """Return a Unix second as an ISO 8601 date and time in UTC."""
    try:
        date = _EPOCH + timedelta(seconds=second)
    except OverflowError:
        return f"{second} s after 1970, beyond the year 9999"
    return f"{date:%Y-%m-%dT%H:%M:%SZ}"


def whole_seconds(now: float | None) -> int:
    """Return `now`, or the system's clock, as whole Unix seconds.

    Raises:
        ConfigError: The value is not a finite number in the range of a token.
    """
    if now is None:
        return int(time())
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise ConfigError(f"now must be Unix seconds (int or float), not {type(now).__name__}")
    if not -MAX_INT <= now <= MAX_INT:  # NaN fails every comparison
        raise ConfigError("now must be a finite number of Unix seconds")
    return int(now // 1)


def fractional_seconds(name: str, value: float | timedelta) -> float:
    """Return a duration in seconds, with fractions.

    Args:
        name: The name of the duration in messages.
        value: Seconds, or a timedelta.

    Raises:
        ConfigError: The value is neither a number nor a timedelta.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(
            f"{name} must be a number of seconds or a timedelta, not {type(value).__name__}"
        )
    return value
