"""Checks of arguments that all stores share, without I/O."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from tokensession.errors import ConfigError, how_to_install
from tokensession.format.seconds import fractional_seconds
from tokensession.keys.names import check_variable, shown_variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

_LONGEST_TIMEOUT: Final = 3600  # seconds; longer than any request can wait
_AUTHORITY: Final = re.compile(r"([^/?#]*)(.*)", re.DOTALL)
_NOT_WRITABLE: Final = re.compile("[\\0\ud800-\udfff]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def timeout_seconds(timeout: float | timedelta) -> float:
    """Return a timeout in seconds.

    Raises:
        ConfigError: Not above 0, or more than 3600 seconds.
    """
    seconds = fractional_seconds("timeout", timeout)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise ConfigError(
            f"timeout must be above 0 and at most {_LONGEST_TIMEOUT} seconds, not {seconds}"
        )
    return seconds


def url_in(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the URL in an environment variable.

    Args:
        variable: The name of the variable.
        environment: The variables to search; the process's when None.

    Raises:
        ConfigError: The name is invalid, or the variable is missing or does not contain a store's
            URL.
    """
    url = (os.environ if environment is None else environment).get(check_variable(variable), "")
    shown = shown_variable(variable)
    if not url:
        raise ConfigError(f"{shown} is missing or empty: set it to the URL of a store")
    if url.lstrip().startswith("{"):
        raise ConfigError(
            f"{shown} contains a key document, not a store's URL: for keys, pass env:NAME"
        )
    if "://" not in url and not url.startswith(("file:", "memory:")):
        raise ConfigError(f"{shown} does not contain a store's URL (its content is not shown)")
    return url


def check_url(url: str) -> None:
    """Refuse a URL with an @ outside its credentials, because messages could show a password.

    Raises:
        ConfigError: The URL has such an @, or is not text that can be written. The message shows no
            part of it.
    """
    if _NOT_WRITABLE.search(url):
        raise ConfigError("the URL (not shown) contains a zero byte or a lone surrogate")
    scheme, _, rest = url.partition("://")
    authority, place = _AUTHORITY.findall(rest)[0]
    is_file = not authority and scheme.partition("+")[0] in ("sqlite", "unix", "memcached", "file")
    if authority.count("@") > 1 or ("@" in place and not is_file):
        raise ConfigError(
            "the URL (not shown) has an @ outside its credentials: write @ : / ? # in its user, "
            "password and options as %40 %3A %2F %3F %23"
        )


def check_options(url: str, *, timeouts: Sequence[str] = (), repeated: Sequence[str] = ()) -> None:
    """Refuse the options of a URL that contradict each other, or the argument `timeout`.

    Args:
        url: The URL. No message shows it, because it can contain a password.
        timeouts: The options, in lower case, whose value is `timeout`.
        repeated: The options, in lower case, that can have several values.

    Raises:
        ConfigError: An option occurs twice or is a timeout.
    """
    query = url.partition("#")[0].partition("?")[2]
    names = [unquote_plus(part.partition("=")[0]).lower() for part in query.split("&")]
    for name in names:
        if name in timeouts:
            raise ConfigError(f"the URL (not shown) has the option {name}: pass timeout= instead")
        if name not in repeated and names.count(name) > 1:
            raise ConfigError("the URL (not shown) has an option twice: write it once")


def check_size(name: str, number: int, least: int, why: str = "") -> None:
    """Refuse a number that is not an int or is below `least`; `why` gives the reason."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise ConfigError(f"{name} must be a whole number, not {type(number).__name__}")
    if number < least:
        raise ConfigError(f"{name} must be at least {least}{why}, not {number}")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that is not 1 to 64 characters which every server accepts."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigError("prefix must be 1 to 64 letters, digits and _ . : -")


def row_name(key: str, default: str) -> str:
    """Return the name of a key document in a store; raise ConfigError if it is not text."""
    if not isinstance(key, str):
        raise ConfigError(f"key must be the name of a document, not {type(key).__name__}")
    if _NOT_WRITABLE.search(key):
        raise ConfigError("key contains a zero byte or a lone surrogate: use another name")
    return key or default


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text; the other lines can contain values."""
    line = str(error).strip().partition("\n")[0]
    return line.partition(", with args beginning with")[
        0
    ]  # after it, Redis repeats AUTH's password


def check_client(package: str, what: str, extra: str) -> None:
    """Raise a ConfigError that names the extra if a third-party package is missing."""
    try:
        import_module(package)
    except ImportError as missing:
        raise ConfigError(f"{what}: {how_to_install(extra)}") from missing
