"""Durations and instants: whole seconds, checked where they are given."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from tokensession import ConfigError
from tokensession.format.claims import MAX_SECONDS
from tokensession.format.seconds import check_seconds, duration, fractional_seconds, whole_seconds


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf, "1", True, 2**53, 1e300, [1]])
def test_a_wrong_clock_is_refused(now: Any) -> None:
    """Now is a finite number of Unix seconds."""
    with pytest.raises(ConfigError, match="now must be"):
        whole_seconds(now)


@pytest.mark.parametrize(
    ("now", "seconds"),
    [(1.999, 1), (-0.5, -1), (5, 5), (2**53 - 1, 2**53 - 1), (1 - 2**53, 1 - 2**53)],
)
def test_now_is_floored(now: float, seconds: int) -> None:
    """Parts of a second count as not yet passed."""
    assert whole_seconds(now) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1, 1),
        (MAX_SECONDS, MAX_SECONDS),
        (timedelta(seconds=1), 1),
        (timedelta(minutes=30), 1800),
        (timedelta(days=30), 2_592_000),
        (timedelta(seconds=MAX_SECONDS), MAX_SECONDS),
        (timedelta(milliseconds=2000), 2),
    ],
)
def test_a_duration_is_seconds_or_a_timedelta(value: int | timedelta, seconds: int) -> None:
    """Both say the same, up to 136 years."""
    assert duration("ttl", value) == seconds


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0, "ttl must be from 1 to 4294967295 seconds, not 0"),
        (MAX_SECONDS + 1, "not 4294967296"),
        (timedelta(0), "not 0"),
        (timedelta(seconds=-1), "not -1"),
        (timedelta.max, "must be"),
        (timedelta(seconds=MAX_SECONDS + 1), "not 4294967296"),
        (timedelta(seconds=1.5), "ttl must be a whole number of seconds, not 0:00:01.500000"),
        (1.0, "whole number of seconds .int. or a timedelta, not float"),
        (True, "not bool"),
        ("1800", "not str"),
        (None, "not NoneType"),
    ],
)
def test_another_duration_is_refused(value: Any, reason: str) -> None:
    """The error has the name, the range and what was given."""
    with pytest.raises(ConfigError, match=reason):
        duration("ttl", value)


@pytest.mark.parametrize(("value", "fits"), [(1, False), (2, True), (9, True), (10, False)])
def test_a_range_is_closed(value: int, *, fits: bool) -> None:
    """The least and the most are inside."""
    if fits:
        check_seconds("leeway", value, least=2, most=9)
        assert duration("leeway", timedelta(seconds=value), least=2, most=9) == value
    else:
        with pytest.raises(ConfigError, match=f"leeway must be from 2 to 9 seconds, not {value}"):
            duration("leeway", value, least=2, most=9)


@pytest.mark.parametrize("seconds", ["1", None, True, [1]])
def test_what_is_not_a_number_is_refused(seconds: Any) -> None:
    """The error has the name and the type."""
    with pytest.raises(ConfigError, match=r"timeout must be a number .* or a timedelta, not "):
        fractional_seconds("timeout", seconds)


@pytest.mark.parametrize("seconds", [0, 1, 0.5, -1])
def test_a_number_is_an_int_or_a_float(seconds: float) -> None:
    """Its range is checked by the caller."""
    assert fractional_seconds("timeout", seconds) == seconds


def test_a_timedelta_keeps_parts_of_a_second() -> None:
    """Where a part of a second has a meaning, as in a timeout."""
    assert fractional_seconds("timeout", timedelta(milliseconds=1500)) == 1.5
