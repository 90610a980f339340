"""``tokensession revoke`` and ``tokensession revocations``: look after a store of revocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokensession.format.seconds import check_seconds, whole_seconds
from tokensession.format.state import check_given_subject
from tokensession.revocation.decision import CLOCK_SKEW, Denial, is_revoked, subject_key
from tokensession.revocation.limits import SWEEP_MARGIN
from tokensession.tools.cli.arguments import (
    Commands,
    add_duration,
    add_noun,
)
from tokensession.tools.cli.stores import add_store_command
from tokensession.tools.cli.streams import (
    DONE,
    REFUSED,
    InputError,
    complain,
    report,
    say,
    say_json,
)
from tokensession.tools.cli.times import INSTANT, instant
from tokensession.tools.wording import iso

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from tokensession.revocation.store import Store
    from tokensession.stores import Connection


_SID_DIGITS: Final = 32


def add_commands(commands: Commands) -> None:
    """Add ``revoke``, and the noun ``revocations`` with its verbs."""
    _add_revoke(commands)
    verbs = add_noun(commands, "revocations", "look after a store of revocations")
    _add(verbs, "create", create, "make the tables or keys; what is there stays")
    _add(verbs, "list", list_entries, "list the entries")
    _add(verbs, "count", count, "count the entries")
    sweep_parser = _add(verbs, "sweep", sweep, "remove the entries that ended an hour ago or more")
    _add_dry_run(sweep_parser)
    parser = _add(verbs, "check", check, "tell whether a session is revoked: exit code 1 if it is")
    _add_sid(parser, required=True)
    parser.add_argument(
        "--start", type=instant, required=True, metavar=INSTANT, help="when it began"
    )
    parser.add_argument("--subject", metavar="TEXT", help="whose it is")


def _add(
    verbs: Commands, name: str, run: Callable[[Store, Namespace], int], summary: str
) -> ArgumentParser:
    def work(store: Connection, args: Namespace) -> int:
        # Looking after a store that may forget does not mean to trust it.
        return run(store.revocations(may_forget=True), args)

    return add_store_command(verbs, name, work, summary)


def _add_revoke(commands: Commands) -> None:
    parser = _add(
        commands, "revoke", revoke, "end one session, all of a subject, or all before an instant"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--sid", metavar="HEX", help="one session, by the 32 hex digits of its id")
    what.add_argument(
        "--subject", metavar="TEXT", help="all sessions of a subject; of an integer, its digits"
    )
    what.add_argument("--all", action="store_true", help="all sessions begun so far; with --yes")
    what.add_argument(
        "--all-before", type=instant, metavar=INSTANT, help="all sessions begun before a time"
    )
    add_duration(
        parser,
        "--lifetime",
        "how long any session can last: the greatest absolute timeout, or longest if that is more, "
        "of all who share the store. The entry is kept for so long. --sid needs it; --subject "
        "takes what services have told the store",
    )
    parser.add_argument("--yes", action="store_true", help="end all sessions without asking")
    _add_dry_run(parser)


def _add_dry_run(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")


def _add_sid(parser: ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--sid", required=required, metavar="HEX", help="its id, 32 hex digits")


def revoke(store: Store, args: Namespace) -> int:
    """End sessions."""
    now, clock = whole_seconds(args.now), whole_seconds(None)
    if now > clock + CLOCK_SKEW:
        raise InputError(
            f"--now is {now - clock} s in the future: users could not sign in until then"
        )
    if args.sid is not None:
        done = _revoke_sid(store, args, now)
    elif args.subject is not None:
        done = _revoke_subject(store, args, now)
    else:
        done = _revoke_everyone(store, args, now)
    done = {"store": args.store, "dry_run": args.dry_run, **done}
    kept = f"\nkept until  {iso(done['until'])}" if "until" in done else ""
    report(args, done, f"{'would end' if args.dry_run else 'ended'}  {done['what']}{kept}")
    return DONE


def _revoke_sid(store: Store, args: Namespace, now: int) -> dict[str, Any]:
    sid, life = _sid(args.sid), _life(args)
    # Its start is not known, so it is taken for the latest.
    denial = Denial(sid, None, None, now + life)
    if args.dry_run:
        store.look_up(sid, None)
    else:
        store.deny(denial, now=now)
    return {"what": f"session {sid.hex()}", "until": denial.until}


def _revoke_subject(store: Store, args: Namespace, now: int) -> dict[str, Any]:
    key, life = _key(args.subject), 0 if args.lifetime is None else _life(args)
    if args.dry_run:
        store.look_up(bytes(16), key)
        return {"what": "the sessions of the subject begun so far"}
    mark = store.mark(key, None, now=now, life=life)
    if mark.until <= mark.instant:  # no service has named the life of its sessions
        raise InputError(
            "these sessions have ended, but a sweep would forget that, because no service has told "
            "this store how long its sessions last: repeat it, such as with --lifetime 30d"
        )
    return {
        "what": f"the sessions of the subject begun up to {iso(mark.instant)}",
        "until": mark.until,
    }


def _revoke_everyone(store: Store, args: Namespace, now: int) -> dict[str, Any]:
    if args.all:
        if not (args.yes or args.dry_run):
            raise InputError(
                "--all signs everybody out of every service that shares the store: add --yes to "
                "do it, or --dry-run to try it"
            )
        if args.dry_run:
            store.look_up(bytes(16), None)
            return {"what": "all sessions begun so far"}
        return {"what": f"all sessions begun up to {iso(store.revoke_all(now=now))}"}
    before = whole_seconds(args.all_before)
    if before > now:
        raise InputError(f"--all-before is {before - now} s in the future")
    if args.dry_run:
        store.look_up(bytes(16), None)
    else:
        store.revoke_before(before)
    return {"what": f"all sessions begun before {iso(before)}"}


def create(store: Store, args: Namespace) -> int:
    """Make a store."""
    store.create()
    report(args, {"store": args.store}, f"ready  {args.store}")
    return DONE


def list_entries(store: Store, args: Namespace) -> int:
    """List the entries."""
    everyone = skipped = 0
    args.progress.things = "entries read"
    rows: list[dict[str, Any]] = []
    for batch in store.read(None):
        everyone, skipped = batch.everyone, skipped + batch.skipped
        found = [{"sid": sid.hex(), "until": until} for sid, until in batch.denied]
        found += [
            {
                "subject": key.hex(),
                "instant": mark.instant,
                "kept": None if mark.kept is None else mark.kept.hex(),
                "until": mark.until,
            }
            for key, mark in batch.marks
        ]
        args.progress.count += len(found)
        if args.json:
            rows += found
        else:
            for row in found:
                say("  ".join(f"{name}={_shown(name, value)}" for name, value in row.items()))
    if args.json:
        everyone_or_none = None if everyone < 0 else everyone
        say_json({"everyone": everyone_or_none, "entries": rows, "skipped": skipped})
    elif everyone >= 0:
        say(f"everyone={iso(everyone)}")
    if skipped:
        complain(f"{skipped} entries are garbage and were skipped", kind="warning")
    return DONE


def _shown(name: str, value: Any) -> str:
    return iso(value) if name in ("until", "instant") else str(value)


def count(store: Store, args: Namespace) -> int:
    """Count the entries."""
    counts = store.count()
    text = f"denied sessions  {counts.denied}\nmarked subjects  {counts.marks}"
    report(args, counts._asdict(), text)
    return DONE


def sweep(store: Store, args: Namespace) -> int:
    """Remove the entries that have ended."""
    before = whole_seconds(args.now) - SWEEP_MARGIN
    swept, progress = 0, args.progress
    progress.things = "entries read" if args.dry_run else "entries removed"
    if args.dry_run:
        for batch in store.read(None):
            ends = [until for _, until in batch.denied] + [mark.until for _, mark in batch.marks]
            swept += sum(end < before for end in ends)
            progress.count += len(ends)
    else:
        while removed := store.sweep(now=before):
            swept = progress.count = swept + removed
    verb = "would remove" if args.dry_run else "removed"
    report(args, {"swept": swept, "dry_run": args.dry_run}, f"{verb}  {swept}")
    return DONE


def check(store: Store, args: Namespace) -> int:
    """Tell whether a session is revoked."""
    sid = _sid(args.sid)
    key = None if args.subject is None else _key(args.subject)
    found = store.look_up(sid, key)
    revoked = is_revoked(sid, whole_seconds(args.start), **found._asdict())
    report(args, {"revoked": revoked}, "revoked" if revoked else "not revoked")
    return REFUSED if revoked else DONE


def _sid(text: str) -> bytes:
    try:
        sid = bytes.fromhex(text)
    except ValueError:
        sid = b""
    if len(text) != _SID_DIGITS or len(sid) * 2 != _SID_DIGITS:
        raise InputError(f"a session id is {_SID_DIGITS} hex digits, not {len(text)} characters")
    return sid


def _key(subject: str) -> bytes:
    check_given_subject(subject)
    key = subject_key(subject)
    if key is None:
        raise InputError("there is no subject")
    return key


def _life(args: Namespace) -> int:
    if args.lifetime is None:
        raise InputError(
            "--lifetime is missing: how long any session can last, by the greatest absolute "
            "timeout of all who share the store, such as --lifetime 8h"
        )
    check_seconds("--lifetime", args.lifetime)
    return int(args.lifetime) + CLOCK_SKEW
