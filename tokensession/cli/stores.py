"""Stores of revocations, as the command line names them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from tokensession.cli.streams import InputError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from tokensession.revocation.redis import RedisStore
    from tokensession.revocation.sql import SQLStore

_ENVIRONMENT: Final = "env:"
_SQL: Final = ("sqlite:", "postgresql:", "postgresql+")
_REDIS: Final = ("redis:", "rediss:", "unix:")
_PASSWORD = re.compile(r"(//[^/@:]*):[^@]*@")


def add_store(parser: ArgumentParser) -> None:
    """Add the arguments that say where the store is."""
    parser.add_argument(
        "--store",
        required=True,
        metavar="URL",
        help="sqlite:///FILE, postgresql+psycopg://..., redis://..., unix://...; or env:NAME for "
        "an environment variable that holds it, as it must where it has a password",
    )
    parser.add_argument(
        "--prefix", metavar="NAME", help="what its tables or keys begin with, if not the default"
    )


def open_store(args: Namespace) -> SQLStore | RedisStore:
    """Return the store that the arguments name.

    Raises:
        InputError: A URL that is missing, has a password on the command line, or is of no store.
        ConfigError: A URL that the client refuses, or a client that is not installed.
    """
    url = _url(args.store)
    options = {} if args.prefix is None else {"prefix": args.prefix}
    if url.startswith(_SQL):
        from tokensession.revocation import sql  # noqa: PLC0415  # an extra

        return sql.SQLStore(url, **options)
    if url.startswith(_REDIS):
        from tokensession.revocation import redis  # noqa: PLC0415  # an extra

        return redis.RedisStore(
            url, may_forget=True, **options
        )  # looking after it is no trust in it
    raise InputError("the store's URL begins with sqlite:, postgresql:, redis:, rediss: or unix:")


def store_name(args: Namespace) -> str:
    """Return the store's URL for people, without its password."""
    return _PASSWORD.sub(r"\1:***@", _url(args.store))


def _url(name: str) -> str:
    if name.startswith(_ENVIRONMENT):
        variable = name.removeprefix(_ENVIRONMENT)
        url = os.environ.get(variable, "")
        if not url:
            raise InputError(f"the environment variable {variable} is not set")
        return url
    if _PASSWORD.search(name):
        raise InputError(
            "the store's URL has a password, and arguments show in process lists: put the URL into "
            "an environment variable and name that, as in --store env:SESSION_STORE"
        )
    return name
