"""``tokensession sessions``: where a subject is signed in, by the directory of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.directory.directory import MAX_PAGE, denial_in, sessions_in
from tokensession.format.seconds import whole_seconds
from tokensession.tools.cli.arguments import Commands, add_noun
from tokensession.tools.cli.stores import add_store_command
from tokensession.tools.cli.streams import DONE, REFUSED, report
from tokensession.tools.wording import iso

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from tokensession.directory.directory import ListedSession
    from tokensession.stores import Connection


def add_commands(commands: Commands) -> None:
    """Add the noun ``sessions`` with its verbs."""
    verbs = add_noun(commands, "sessions", "list and end sessions, where services keep a directory")
    add_store_command(verbs, "create", create, "make the tables of directory and revocations")
    parser = add_store_command(verbs, "list", list_sessions, "list where a subject is signed in")
    _add_subject(parser)
    parser = add_store_command(
        verbs, "end", end, "end a session: exit code 1 if the subject has none of its id"
    )
    _add_subject(parser)
    parser.add_argument(
        "--id", required=True, metavar="HEX", help="its id in the list, 32 hex digits"
    )


def _add_subject(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--subject", required=True, metavar="TEXT", help="whose sessions; of an integer, its digits"
    )


def create(store: Connection, args: Namespace) -> int:
    """Make what directory and revocations need; what is there stays."""
    store.create("directory")
    report(args, {"store": store.name}, f"ready  {store.name}")
    return DONE


def list_sessions(store: Connection, args: Namespace) -> int:
    """List the sessions of a subject, the newest first."""
    directory, now = store.directory(), whole_seconds(args.now)
    found: list[ListedSession] = []
    args.progress.things = "sessions read"
    after = None
    while page := sessions_in(directory, args.subject, after, MAX_PAGE, now):
        found += page
        args.progress.count = len(found)
        after = page[-1].cursor
    names = ("id", "label", "started_at", "last_seen", "ends_at")
    rows = [{name: getattr(one, name) for name in names} for one in found]
    lines = [
        f"{one.id}  started {iso(one.started_at)}  seen {iso(one.last_seen)}  "
        f"ends {iso(one.ends_at)}  {one.label!r}"
        for one in found
    ]
    report(args, {"sessions": rows}, "\n".join([*lines, f"sessions  {len(found)}"]))
    return DONE


def end(store: Connection, args: Namespace) -> int:
    """End a session of a subject."""
    now = whole_seconds(args.now)
    denial = denial_in(store.directory(), args.subject, args.id, now)
    if denial is None:
        report(args, {"ended": False}, "the subject has no session of this id")
        return REFUSED
    # Looking after a store that may forget does not mean to trust it.
    store.revocations(may_forget=True).deny(denial, now=now)
    report(args, {"ended": True}, f"ended  session {args.id}")
    return DONE
