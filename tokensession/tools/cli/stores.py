"""Stores of revocations, as the command line names them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from tokensession.revocation.store import Store
from tokensession.tools.cli.streams import InputError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_ENVIRONMENT: Final = ("env:", "url:")  # the second as for key sources, where the first is another
_SQL: Final = ("sqlite:", "postgresql:", "postgresql+", "postgres:")
_REDIS: Final = ("redis:", "rediss:", "valkey:", "valkeys:", "unix:")
_MONGO: Final = ("mongodb:", "mongodb+srv:")
_MEMCACHED: Final = "memcached://"
_PASSWORD = re.compile(r"//[^/@:]*:[^@]*@|[?&][^=&]*password=", re.IGNORECASE)
_USER = re.compile(r"[^/?#]*")


class ClosableStore(Store, Protocol):
    """A store with connections to close."""

    def close(self) -> None:
        """Close them."""
        ...


def add_store(parser: ArgumentParser) -> None:
    """Add the arguments that say where the store is."""
    parser.add_argument(
        "--store",
        required=True,
        metavar="URL",
        help="sqlite:///FILE, postgresql://..., redis://..., valkey://..., unix://... (Redis), "
        "mongodb://..., memcached://HOST:PORT, memcached:///SOCKET; or url:NAME for an environment "
        "variable that holds it, as it must where it has a password",
    )
    parser.add_argument(
        "--prefix", metavar="NAME", help="what its tables or keys begin with, if not the default"
    )
    for word in ("database", "collection"):
        parser.add_argument(
            f"--{word}", metavar="NAME", help=f"the {word} in MongoDB, if not the default"
        )


def open_store(args: Namespace) -> ClosableStore:
    """Return the store that the arguments name.

    Raises:
        InputError: A URL that is missing, has a password on the command line, or is of no store;
            or arguments that the store does not have.
        ConfigError: A URL that the client refuses, or a client that is not installed.
    """
    url = _url(args.store)
    if url.startswith(_MONGO):
        from tokensession.stores.mongo import revocation as mongo  # noqa: PLC0415  # an extra

        return mongo.MongoStore(url, **_options(args, "database", "collection"))
    options = _options(args, "prefix")
    if url.startswith(_SQL):
        from tokensession.stores.sql import revocation as sql  # noqa: PLC0415  # an extra

        return sql.SQLStore(url, **options)
    # Looking after one that may forget is no trust in it.
    if url.startswith(_REDIS):
        from tokensession.stores.redis import revocation as redis  # noqa: PLC0415  # an extra

        return redis.RedisStore(url, may_forget=True, **options)
    if url.startswith(_MEMCACHED):
        from tokensession.stores.memcached import revocation as memcached  # noqa: PLC0415  # an extra

        server = url.removeprefix(_MEMCACHED)
        server = f"unix:{server}" if server.startswith("/") else server
        return memcached.MemcachedStore(server, may_forget=True, **options)
    raise InputError(
        "the store's URL begins with sqlite:, postgresql:, redis:, rediss:, valkey:, valkeys:, "
        "unix:, mongodb:, mongodb+srv: or memcached://"
    )


def store_name(args: Namespace) -> str:
    """Return the store's URL for people: without password and options, which may hold one."""
    scheme, separator, rest = _url(args.store).partition("://")
    credentials, at, place = rest.rpartition("@")
    if rest.startswith("/"):  # a file, and nobody who asks
        credentials, at, place = "", "", rest
    user, colon, _ = credentials.partition(":")
    if not _USER.fullmatch(user):  # the @ is in an option, and the host before it
        return f"{scheme}{separator}***"
    return f"{scheme}{separator}{user}{colon and ':***'}{at}{place.partition('?')[0]}"


def _options(args: Namespace, *names: str) -> dict[str, Any]:
    """Return those that were given, where they are among the store's."""
    given = {
        name: getattr(args, name)
        for name in ("prefix", "database", "collection")
        if getattr(args, name) is not None
    }
    for name in given:
        if name not in names:
            raise InputError(f"--{name} means nothing to this store; it has --{', --'.join(names)}")
    return given


def _url(name: str) -> str:
    if name.startswith(_ENVIRONMENT):
        variable = name.partition(":")[2]
        url = os.environ.get(variable, "")
        if not url:
            raise InputError(f"the environment variable {variable} is not set")
        return url
    if _PASSWORD.search(name):
        raise InputError(
            "the store's URL has a password, and arguments show in process lists: put the URL into "
            "an environment variable and name that, as in --store url:SESSION_STORE"
        )
    return name
