"""Durations and times in each option that takes seconds."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOW
from tests.tools.cli.test_program import DONE, WRONG, Cli, cli
from tokensession import KeyRing
from tokensession.keys.schedule import Schedule
from tokensession.tools.cli import program
from tokensession.tools.cli.times import duration, instant, shown

if TYPE_CHECKING:
    from argparse import Action

from .test_secrets import COMMANDS

__all__ = ["cli"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("1800", 1800), ("45s", 45), ("30m", 1800), ("12h", 43200), ("90d", 7_776_000),
        ("1h30m", 5400), ("1d12h", 129_600), ("29m58s", 1798), ("1m5", 65), ("0s", 0),
    ],
)  # fmt: skip
def test_a_duration(text: str, seconds: int) -> None:
    """Its units are days, hours, minutes and seconds; a number without one is of seconds."""
    assert duration(text) == seconds


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 3600, 5400, 86399, 86400, 90061, 2**32 - 1])
def test_what_is_printed_is_taken(seconds: int) -> None:
    """A duration that a command shows can be given to a command."""
    assert duration(shown(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5h", "30 m", "30min", "1m1h", "5w", "٣m", "9" * 13, "1h\n"]
)
def test_no_duration(text: str) -> None:
    """The error shows how one is written, and not the text."""
    with pytest.raises(ArgumentTypeError, match=r"^a duration is written 30m, 12h, 90d"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1785000000", 1_785_000_000),
        ("1785000000.5", 1_785_000_000.5),
        ("2026-07-25T17:20:00Z", 1_785_000_000),
        ("2026-07-25T19:20:00+02:00", 1_785_000_000),
        ("2026-07-25 17:20", 1_785_000_000),
        ("2026-07-25", 1_784_937_600),
        ("1970-01-01", 0),
    ],
)
def test_a_time(text: str, second: float) -> None:
    """A date begins at midnight in UTC, and a time without an offset is in UTC."""
    assert instant(text) == second


@pytest.mark.parametrize(
    "text",
    [
        "", "today", "2026-13-01", "25.07.2026", "17:20", "nan", "inf", "-inf", "1e300",
        "20260725", "1785000000000", "-1785000000000",
    ],
)  # fmt: skip
def test_no_time(text: str) -> None:
    """The error shows how one is written, and not the text."""
    with pytest.raises(ArgumentTypeError, match=r"^a time is written 2030-01-31"):
        instant(text)


def numbers(actions: list[Action]) -> list[str]:
    """Return the options that take a bare number."""
    return [action.dest for action in actions if action.type in (int, float)]


def test_every_option_that_takes_seconds_takes_units() -> None:
    """No command asks for a bare number of them."""
    bare = {words: numbers(actions) for words, actions in COMMANDS.items()}
    assert {name for names in bare.values() for name in names} == {"subject_int"}


def test_wrong_words_are_explained_and_not_shown(cli: Cli) -> None:
    """On standard error, with the option; exit code 2."""
    for arguments, words in (
        (["encode", "k", "--ttl", "a week"], "argument --ttl: a duration is written 30m"),
        (["keys", "list", "k", "--now", "today"], "argument --now: a time is written 2030-01-31"),
        (["revoke", "--all-before", "20260725"], "argument --all-before: a time is written 2030"),
    ):
        result = cli(*arguments)
        assert (result.code, result.out, words in result.err) == (WRONG, "", True)
        assert arguments[-1] not in result.err


def test_a_token(cli: Cli, hs256: KeyRing) -> None:
    """It lives as long as the words say, and decoding shows the same words."""
    path = cli.keys(hs256)
    at = ("--now", "2026-07-25T17:20:00Z")
    token = cli("encode", path, "--ttl", "1h30m", "--cap", "6h", *at, stdin="{}").out
    read = cli("decode", path, "--json", "--now", "2026-07-25T19:20:00+02:00", stdin=token)
    assert (read.json["ttl"], read.json["cap"], read.json["now"]) == (5400, 21_600, NOW)
    shown_to_people = cli("decode", path, *at, stdin=token).out
    for words in ("1h30m", "2026-07-25T18:50:00Z (in 1h30m)", "6h after it began"):
        assert words in shown_to_people


def test_a_rotation_config(cli: Cli, hs256: KeyRing) -> None:
    """It is set in words, and `keys status` shows them."""
    path = cli.keys(hs256)
    words = ("--token-lifetime", "12h", "--period", "90d", "--propagation", "15m", "--leeway", "1m")
    assert cli("keys", "schedule", path, *words).code == DONE
    ring = KeyRing.open(path, create=False)
    assert ring.schedule == Schedule(
        token_lifetime=43_200, period=7_776_000, propagation=900, leeway=60
    )
    status = cli("keys", "status", path).out
    for line in (
        "period       90d, for which a key signs",
        "propagation  15m, until every process has a new key",
        "lifetime     12h, of the longest token",
        "leeway       1m, by which clocks may differ",
        "algorithm    as before, of the next key",
    ):
        assert f"{line}\n" in status
    assert cli("keys", "status", path, "--json").json["schedule"] == {
        "token_lifetime": 43_200, "period": 7_776_000, "propagation": 900, "algorithm": None,
        "leeway": 60,
    }  # fmt: skip
    checked = cli("keys", "check", path, "--refresh", "1m", "--idle-timeout", "12h").out
    assert "idle timeout 12h <= token lifetime 12h" in checked


def test_help_says_how_they_are_written() -> None:
    """The program's help says once how durations and times are written."""
    text = program._parser().format_help()
    assert "A DURATION is written 30m, 12h, 90d, 1h30m, or in seconds." in text
    assert "2030-01-31T18:30:00Z" in text
