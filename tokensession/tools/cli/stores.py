"""Stores of revocations, as the command line names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.stores import Connection, connect
from tokensession.stores.urls import named_url

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_store(parser: ArgumentParser) -> None:
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


def open_store(args: Namespace) -> Connection:
    """Return a connection to the store that the arguments name."""
    return connect(
        named_url(args.store),
        prefix=args.prefix,
        database=args.database,
        collection=args.collection,
    )
