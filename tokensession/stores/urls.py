"""Names of key sources and stores, on a command line or in a setting."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from tokensession.errors import ConfigError
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.names import check_variable
from tokensession.keys.source import STORE_SECONDS, KeySource
from tokensession.stores.arguments import check_url, url_in
from tokensession.stores.connection import connect, keeps_keys

if TYPE_CHECKING:
    from collections.abc import Mapping


PASSWORD: Final = "TOKENSESSION_SOURCE_PASSWORD"  # noqa: S105  # a variable's name

_DOCUMENT: Final = "env:"
_VARIABLE: Final = "url:"
_PASSWORD = re.compile(r"//[^/@:]*:[^@]*@|[?&][^=&]*password=", re.IGNORECASE)


def named_url(name: str, *, environment: Mapping[str, str] | None = None) -> str:
    """Return a URL, or the URL in the environment variable of ``url:NAME``.

    Args:
        name: The URL, or ``url:NAME``.
        environment: The variables to search; the process's when None.

    Raises:
        ConfigError: The variable is missing or empty, or the URL itself contains a password.
    """
    _check_text(name)
    if name.startswith(_VARIABLE):
        return url_in(name.removeprefix(_VARIABLE), environment)
    if name.startswith(_DOCUMENT):
        check_variable(name.removeprefix(_DOCUMENT))
        raise ConfigError("env: is for a variable with a key document: for a URL, write url:NAME")
    if "://" in name and _has_password(name):
        raise ConfigError(
            "the URL contains a password, which process lists would show: put the URL into an "
            f"environment variable and pass url:NAME. For keys, {PASSWORD} can contain the "
            "password alone"
        )
    return name


def source_from_url(
    url: str, *, shared_file: bool = False, environment: Mapping[str, str] | None = None
) -> KeySource:
    """Return the key source of a URL.

    - ``keys.json``, ``file:keys.json``: a file
    - ``env:SESSION_KEYS``: an environment variable that holds the keys
    - ``sqlite:///keys.db``: a row of a SQLite database
    - ``postgresql://app@db.example/app``: a row of a PostgreSQL database
    - ``redis://``, ``rediss://``, ``valkey://``, ``valkeys://``, ``unix:///socket``: a name on a
      Redis or Valkey server
    - ``url:DATABASE_URL``: the URL in an environment variable

    A fragment (``#shop``) is the name of the row or the Redis key. Passwords come from the
    environment: in the URL of ``url:NAME``, or in TOKENSESSION_SOURCE_PASSWORD.

    Args:
        url: The URL.
        shared_file: Accept a file that others can read.
        environment: The variables to search; the process's when None.

    Raises:
        ConfigError: A variable is missing, the URL itself contains a password, its scheme is
            unknown, or an extra is not installed.
    """
    _check_text(url)
    variables = os.environ if environment is None else environment
    if url.startswith(_DOCUMENT):
        return EnvironmentSource(url.removeprefix(_DOCUMENT))
    url = named_url(url, environment=variables)
    scheme, separator, rest = url.partition(":")
    if scheme == "file" and separator:
        return FileSource(_path(rest), shared_file=shared_file)
    if "://" not in url:
        return FileSource(url, shared_file=shared_file)
    return _stored(url, variables.get(PASSWORD), shared_file=shared_file)


def _check_text(url: object) -> None:
    """Refuse a URL that is not text, such as None for a variable that is not set."""
    if not isinstance(url, str):
        raise ConfigError(f"the URL must be a str, not {type(url).__name__}")


def _stored(url: str, password: str | None, *, shared_file: bool) -> KeySource:
    if not keeps_keys(url):
        raise ConfigError(
            "unknown key source: pass a file, env:NAME, url:NAME, sqlite:, postgresql:, redis:, "
            "rediss:, valkey:, valkeys: or unix:"
        )
    check_url(url)
    bare, _, key = url.partition("#")
    store = connect(_with_password(bare, password), timeout=STORE_SECONDS)
    return store.keys(key, shared_file=shared_file)


def _path(rest: str) -> str:
    """Return the path of ``file:keys.json`` or ``file:///etc/keys.json``."""
    return rest[2:] if rest.startswith("///") else rest


def _has_password(url: str) -> bool:
    with contextlib.suppress(ValueError):  # it can quote the password
        return urlsplit(url).password is not None or _PASSWORD.search(url) is not None
    raise ConfigError("invalid URL: a host in brackets must be an IPv6 address")


def _with_password(url: str, password: str | None) -> str:
    """Add the password to a URL that has a host and no password."""
    if password is None or _has_password(url):
        return url
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user if at else ''}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))
