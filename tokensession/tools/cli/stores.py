"""Commands on a store of revocations and sessions, and how the command line names it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tokensession.stores import Connection, connect
from tokensession.stores.urls import named_url
from tokensession.tools.cli.arguments import Commands, add_command, add_json, add_now
from tokensession.tools.cli.progress import at_work
from tokensession.tools.cli.streams import InputError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable


def add_store_command(
    verbs: Commands, name: str, work: Callable[[Connection, Namespace], int], summary: str
) -> ArgumentParser:
    """Add a command that opens the store of its arguments, works on it, and closes it."""

    def run(args: Namespace) -> int:
        with contextlib.closing(_open_store(args)) as store:
            args.store = store.name  # without credentials, fit to be shown
            with at_work() as args.progress:
                return work(store, args)

    parser = add_command(verbs, name, summary, run)
    _add_store(parser)
    add_now(parser)
    add_json(parser)
    return parser


def _add_store(parser: ArgumentParser) -> None:
    """Add the arguments that say where the store is."""
    parser.add_argument(
        "--store",
        required=True,
        metavar="URL",
        help="sqlite:///FILE, postgresql://..., redis://..., valkey://..., unix://... (Redis), "
        "mongodb://..., memcached://HOST:PORT, memcached:///SOCKET; or url:NAME for an environment "
        "variable that holds the URL, as it must where the URL has a password",
    )
    parser.add_argument(
        "--prefix", metavar="NAME", help="what its tables or keys begin with, if not the default"
    )
    for word in ("database", "collection"):
        parser.add_argument(
            f"--{word}", metavar="NAME", help=f"the {word} in MongoDB, if not the default"
        )


def _open_store(args: Namespace) -> Connection:
    """Return a connection to the store that the arguments name."""
    url = named_url(args.store)
    if url.startswith("memory:"):
        raise InputError("--store memory: would be the memory of this command, not of a service")
    return connect(
        url,
        prefix=args.prefix,
        database=args.database,
        collection=args.collection,
    )
