"""``tokensession keys rotate`` and the other verbs that change the keys of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.keys.forecast import upcoming
from tokensession.keys.jwk import Algorithm
from tokensession.keys.rotation import Event, changed_keys, plan, revoke_key, schedule_is_right
from tokensession.keys.schedule import DEFAULT_PERIOD, DEFAULT_PROPAGATION, Schedule
from tokensession.keys.source import KeySource, load_ring, update
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli import status
from tokensession.tools.cli.arguments import Commands, add_duration, add_json, names_keys
from tokensession.tools.cli.progress import at_work
from tokensession.tools.cli.streams import DONE, InputError, say, say_json
from tokensession.tools.cli.times import shown
from tokensession.tools.wording import moment

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping

    from tokensession.keys.ring import KeyRing

_WORDS = {
    "added": "signs from",
    "retired": "verifies until",
    "extended": "verifies until",
    "removed": "had expired",
    "revoked": "ended",
    "cleared": "its material is gone",
}


NEW_KEY: Final = "a new key"  # in a dry run: the kid is drawn when the key is made
_REVOKED: Final = """\
what ends, and when
  every session that the key ever signed for, renewed under other keys too; no store is needed
  processes that follow this document: within their refresh (60 s by default)
  processes that read a file once: when you restart them
  processes that read the environment: when you deploy the new document
  readers: when you have exported to them again (keys export-reader)"""


def add_commands(verbs: Commands) -> None:
    """Add the verbs to the noun ``keys``."""
    parser = status.add_verb(verbs, "rotate", "do what is due: add, retire and remove keys", rotate)
    _add_changing(parser)
    status.add_commands(verbs)
    parser = status.add_verb(verbs, "schedule", "set how often keys rotate", set_schedule)
    add_schedule(parser)
    add_duration(parser, "--leeway", "the greatest leeway of your policies")
    _add_changing(parser)
    parser = status.add_verb(
        verbs, "revoke", "end a key, and every session that it ever signed for", revoke
    )
    parser.add_argument("kid", metavar="KID", help="the key's id")
    parser.add_argument("--reason", metavar="TEXT", help="words for the record")
    parser.add_argument(
        "--activate-new-now",
        action="store_true",
        help="add a key that signs at once, although others could: for keys that leaked with it",
    )
    parser.add_argument(
        "--unlisted",
        action="store_true",
        help="accept a KID that the document does not list any more: what was renewed from its "
        "tokens ends",
    )
    _add_changing(parser)
    parser = status.add_verb(verbs, "retire", "let a key expire after its last tokens", retire)
    parser.add_argument("kid", metavar="KID", help="the key's id")
    _add_changing(parser)


def add_schedule(parser: ArgumentParser) -> None:
    """Add the arguments that make a rotation config."""
    period, propagation = shown(DEFAULT_PERIOD), shown(DEFAULT_PROPAGATION)
    meanings = {
        "--token-lifetime": "the longest idle timeout or ttl of your codecs; without it no key "
        "rotates",
        "--period": f"how long a key signs (at first {period})",
        "--propagation": f"how long until every process has a new key (at first {propagation})",
    }
    for name, meaning in meanings.items():
        add_duration(parser, name, meaning)
    parser.add_argument(
        "--next-algorithm",
        choices=get_args(Algorithm),
        help="of the keys to come (at first that of the newest)",
    )


def schedule_of(args: Namespace, former: Mapping[str, Any] | None = None) -> Schedule | None:
    """Return the rotation config that the arguments make of a former member, or None for none."""
    given: dict[str, Any] = {
        "token_lifetime": args.token_lifetime,
        "period": args.period,
        "propagation": args.propagation,
        "algorithm": args.next_algorithm,
        "leeway": getattr(args, "leeway", None),
    }
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    if former is not None:  # which may be wrong: then the error names what to pass as well
        given = {name: former[name] for name in Schedule.__slots__ if name in former} | given
    if "token_lifetime" not in given:
        raise InputError(
            "a rotation config needs --token-lifetime, the longest idle timeout or ttl of your "
            "codecs, such as 30m"
        )
    return Schedule(**given)


def _add_changing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be done, and change nothing"
    )
    add_json(parser)


def rotate(args: Namespace) -> int:
    """Do what is due."""

    def change(ring: KeyRing, now: int) -> tuple[KeyRing, tuple[Event, ...]]:
        return plan(ring, now, _schedule(ring))

    return _change(args, change)


def _schedule(ring: KeyRing) -> Schedule:
    if ring.schedule is None:
        raise InputError(
            "the document has no rotation config; set it with `tokensession keys schedule SOURCE "
            "--token-lifetime 30m`"
        )
    return ring.schedule


def revoke(args: Namespace) -> int:
    """End a key."""
    return _change(
        args,
        lambda ring, now: revoke_key(
            ring,
            args.kid,
            now,
            reason=args.reason,
            activate_new_now=args.activate_new_now,
            unlisted=args.unlisted,
        ),
    )


def retire(args: Namespace) -> int:
    """Let a superseded key expire."""

    def change(ring: KeyRing, now: int) -> tuple[KeyRing, tuple[Event, ...]]:
        _schedule(ring)
        retired = ring.retire(args.kid, now=now)
        events = changed_keys(ring, retired)
        return (retired, events) if events else (ring, ())

    return _change(args, change)


def set_schedule(args: Namespace) -> int:
    """Set the rotation config."""

    def change(ring: KeyRing, _: int) -> tuple[KeyRing, tuple[Event, ...]]:
        schedule = schedule_of(args, ring.members.get("rotation"))
        if schedule is None or (schedule_is_right(ring) and schedule == ring.schedule):
            return ring, ()
        return ring.with_schedule(schedule), ()

    return _change(args, change)


def _change(
    args: Namespace, change: Callable[[KeyRing, int], tuple[KeyRing, tuple[Event, ...]]]
) -> int:
    source = source_from_url(args.source, shared_file=args.shared_file)
    now = whole_seconds(args.now)
    events: tuple[Event, ...] = ()

    def changed(ring: KeyRing) -> KeyRing:
        nonlocal events
        after, events = change(ring, now)
        return after

    try:
        with at_work():
            if args.dry_run:
                before = load_ring(source)
                after = changed(before)
            else:
                before, after = update(source, changed)
    except ConfigError:
        if names_keys(getattr(args, "kid", "")):
            raise InputError("SOURCE and KID have changed places: name the keys first") from None
        raise
    next_ones = upcoming(after, now)
    if args.dry_run:  # a key that the next run makes has another kid
        made = {key.kid for key in after} - {key.kid for key in before}
        events = tuple(
            event._replace(kid=NEW_KEY) if event.kid in made else event for event in events
        )
        next_ones = tuple(
            moment._replace(kid=NEW_KEY) if moment.kid in made else moment for moment in next_ones
        )
    if args.json:
        say_json(
            {
                "source": source.name,
                "dry_run": args.dry_run,
                "serial": {"before": before.serial, "after": after.serial},
                "changes": [event._asdict() for event in events],
                "next": [change._asdict() for change in next_ones],
            }
        )
        return DONE
    _say_change(source, before, after, dry_run=args.dry_run)
    for event in events:
        say(f"{event.change:8}  {event.kid:8}  {_WORDS[event.change]} {moment(event.at, now)}")
    status.say_timeline(next_ones, now)
    if any(event.change == "revoked" for event in events):
        say(_REVOKED)
    return DONE


def _say_change(source: KeySource, before: KeyRing, after: KeyRing, *, dry_run: bool) -> None:
    say(f"source    {source.name}")
    if after is before:
        say(f"serial    {before.serial}; nothing to do")
    else:
        done = "not written, as this is a dry run" if dry_run else "written"
        say(f"serial    {before.serial} -> {after.serial}, {done}")
