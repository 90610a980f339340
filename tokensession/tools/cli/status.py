"""``tokensession keys status`` and ``check``: what a ring's keys do, and whether numbers fit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from tokensession.format.seconds import whole_seconds
from tokensession.keys.continuity import by_age
from tokensession.keys.forecast import Moment, check, upcoming
from tokensession.keys.rotation import schedule_is_right
from tokensession.keys.source import KeySource, load_ring
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli.arguments import (
    Commands,
    add_command,
    add_duration,
    add_json,
    add_now,
    add_shared_file,
)
from tokensession.tools.cli.progress import at_work
from tokensession.tools.cli.streams import DONE, REFUSED, report, say, say_json
from tokensession.tools.cli.times import shown
from tokensession.tools.wording import iso, moment

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable

    from tokensession.keys.jwk import Key
    from tokensession.keys.ring import KeyRing

_SOURCE: Final = (
    "a key file, env:NAME, sqlite:///FILE, postgresql://USER@HOST/DATABASE, redis://HOST, "
    "valkey://HOST, or url:NAME for the URL in an environment variable; a password comes from "
    "there or from TOKENSESSION_SOURCE_PASSWORD"
)


def add_commands(verbs: Commands) -> None:
    """Add the verbs that only read to the noun ``keys``."""
    summary = "show states, dates and what happens next; exit code 1 if an operator must act"
    parser = add_verb(verbs, "status", summary, status)
    add_json(parser)
    summary = "tell whether keys, rotation config and your numbers fit; exit code 1 if not"
    parser = add_verb(verbs, "check", summary, check_numbers)
    add_duration(parser, "--refresh", "the time between two readings of a watcher")
    add_duration(parser, "--idle-timeout", "the longest idle timeout or ttl of your codecs")
    add_json(parser)


def add_verb(
    verbs: Commands, name: str, summary: str, run: Callable[[Namespace], int]
) -> ArgumentParser:
    """Add a verb that takes a SOURCE of keys, and return its parser."""
    parser = add_command(verbs, name, summary, run)
    parser.add_argument("source", metavar="SOURCE", help=_SOURCE)
    add_shared_file(parser)
    add_now(parser)
    return parser


def status(args: Namespace) -> int:
    """Show states, dates and what happens next; the exit code says if an operator must act."""
    source = source_from_url(args.source, shared_file=args.shared_file)
    with at_work():
        ring = load_ring(source)
    now = whole_seconds(args.now)
    faults = [result.text for result in check(ring, now) if not result.holds]
    if args.json:
        say_json(_status_document(source, ring, now, faults))
        return REFUSED if faults else DONE
    say(f"source       {source.name}\nserial       {ring.serial}\nfingerprint  {ring.fingerprint}")
    for name, value in _schedule_rows(ring):
        say(f"{name:11}  {value}")
    for row in key_rows(ring, now):
        dates = [f"{name} {iso(row[name])}" for name in ("nbf", "exp") if row[name]]
        line = f"{row['kid']:11}  {row['algorithm']:7}  {row['state']:8}  {'  '.join(dates)}"
        say(line.rstrip())
    say_timeline(upcoming(ring, now), now)
    for fault in faults:
        say(f"LOOK         {fault}")
    return REFUSED if faults else DONE


def _schedule_rows(ring: KeyRing) -> list[tuple[str, str]]:
    """Return what there is to show of the rotation config, where it is right."""
    if not schedule_is_right(ring):
        return []
    schedule = ring.numbers
    return [
        ("period", f"{shown(schedule.period)}, for which a key signs"),
        ("propagation", f"{shown(schedule.propagation)}, until every process has a new key"),
        ("lifetime", f"{shown(schedule.token_lifetime)}, of the longest token"),
        ("leeway", f"{shown(schedule.leeway)}, by which clocks may differ"),
        ("algorithm", f"{schedule.algorithm or 'as before'}, of the next key"),
    ]


def key_rows(ring: KeyRing, now: int) -> list[dict[str, Any]]:
    """Return what there is to show of each key, in the order in which they sign."""
    states = ring.states(now)
    return [
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "state": states[key.kid],
            "signs": _signs(key, states[key.kid]),
            "nbf": key.nbf,
            "exp": key.exp,
        }
        for key in sorted(ring, key=by_age)
    ]


def _signs(key: Key, state: str) -> str:
    """Return when a key signs: ``now``, ``later``, or ``no``."""
    return {"active": "now", "pending": "later"}.get(state, "no") if key.can_mint else "no"


def _status_document(
    source: KeySource, ring: KeyRing, now: int, faults: list[str]
) -> dict[str, Any]:
    return {
        "source": source.name,
        "serial": ring.serial,
        "fingerprint": ring.fingerprint,
        "now": now,
        "schedule": asdict(ring.numbers) if schedule_is_right(ring) else None,
        "keys": key_rows(ring, now),
        "next": [change._asdict() for change in upcoming(ring, now)],
        "faults": faults,
    }


def check_numbers(args: Namespace) -> int:
    """Hold the numbers against each other."""
    source = source_from_url(args.source, shared_file=args.shared_file)
    with at_work():
        ring = load_ring(source)
    now = whole_seconds(args.now)
    results = check(ring, now, refresh=args.refresh, idle_timeout=args.idle_timeout)
    document = {"source": source.name, "checks": [result._asdict() for result in results]}
    lines = [f"{'ok  ' if result.holds else 'LOOK'}  {result.text}" for result in results]
    report(args, document, "\n".join(lines))
    return DONE if all(result.holds for result in results) else REFUSED


def say_timeline(moments: Iterable[Moment], now: int) -> None:
    """Print what happens next, a line for each change."""
    lines = []
    for change in moments:
        what = "the next key is due" if change.what == "due" else f"{change.kid} {change.what}"
        lines.append(f"  {moment(change.at, now)}: {what}")
    if lines:
        say("\n".join(["next", *lines]))
