"""A key source by its URL, for command lines and settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from tokensession.errors import ConfigError
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.private_file import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.keys.source import KeySource

PASSWORD: Final = "TOKENSESSION_SOURCE_PASSWORD"  # noqa: S105  # a variable's name

_SQL: Final = ("sqlite", "postgresql", "postgres")
_REDIS: Final = ("redis", "rediss", "valkey", "valkeys", "unix")


def source_from_url(
    url: str, *, shared_file: bool = False, environment: Mapping[str, str] | None = None
) -> KeySource:
    """Return the source that a URL names.

    - ``keys.json``, ``file:keys.json``: a file
    - ``env:SESSION_KEYS``: an environment variable that holds the keys
    - ``sqlite:///keys.db``: a row of a SQLite database
    - ``postgresql://app@db.example/app``: a row of a PostgreSQL database
    - ``redis://``, ``rediss://``, ``valkey://``, ``valkeys://``, ``unix:///socket``: a name on a
      Redis or Valkey server
    - ``url:DATABASE_URL``: the URL in an environment variable

    A fragment (``#shop``) names the row or the Redis name. Passwords come from the environment:
    in the URL that ``url:`` names, or in TOKENSESSION_SOURCE_PASSWORD.

    Args:
        url: The URL.
        shared_file: Accept a file that others can read.
        environment: Where variables are looked up; the process's when None.

    Raises:
        ConfigError: No such variable, a password in the URL itself, an unknown scheme, or an
            extra that is not installed.
    """
    variables = os.environ if environment is None else environment
    if url.startswith("url:"):
        variable = url.removeprefix("url:")
        url = variables.get(variable, "")
        if not url:
            raise ConfigError(f"environment variable {variable} is missing or empty; it should "
                              "hold the URL of a key source")  # fmt: skip
        if url.lstrip().startswith("{"):
            raise ConfigError(f"environment variable {variable} holds a key document, not the URL "
                              f"of a key source: name it as env:{variable}")  # fmt: skip
    elif "://" in url and _has_password(url):
        raise ConfigError(
            f"the URL holds a password, and arguments show in process lists: put it in {PASSWORD}, "
            "or the whole URL in a variable that you name as url:NAME"
        )
    check_name(url)
    scheme, separator, rest = url.partition(":")
    if scheme == "env" and separator:
        return EnvironmentSource(rest)
    if scheme == "file" and separator:
        return FileSource(_path(rest), shared_file=shared_file)
    if "://" not in url:
        return FileSource(url, shared_file=shared_file)
    return _store(url, variables.get(PASSWORD))


def _store(url: str, password: str | None) -> KeySource:
    bare, _, key = url.partition("#")
    scheme = bare.partition(":")[0]
    if scheme.partition("+")[0] in _SQL:
        from tokensession.stores.sql import keys as sql  # noqa: PLC0415  # an extra, needed here alone

        return sql.SQLKeySource(_with_password(bare, password), key=key or sql.DEFAULT_NAME)
    if scheme in _REDIS:
        from tokensession.stores.redis import keys as redis  # noqa: PLC0415  # likewise

        address = _with_password(bare, password)
        return redis.RedisKeySource(address, key=key or redis.DEFAULT_NAME)
    raise ConfigError(
        "a key source is a file, env:NAME, url:NAME, sqlite:, postgresql:, redis:, rediss:, "
        "valkey:, valkeys: or unix:"
    )


def _path(rest: str) -> str:
    """Return the path of ``file:keys.json`` or ``file:///etc/keys.json``."""
    return rest[2:] if rest.startswith("///") else rest


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None or "password=" in url
    except ValueError:
        raise ConfigError("the key source is no URL") from None


def _with_password(url: str, password: str | None) -> str:
    """Put the password into a URL that has a host and no password of its own."""
    if password is None or _has_password(url):
        return url
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user if at else ''}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))
