"""What the stores of every client check of their arguments, without asking a server."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final

from tokensession.errors import ConfigError
from tokensession.extras import how_to_install
from tokensession.format.seconds import fractional_seconds
from tokensession.keys.names import check_variable, shown_variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_LONGEST_TIMEOUT: Final = 3600  # seconds; no request waits for so long
_AUTHORITY: Final = re.compile(r"([^/?#]*)(.*)", re.DOTALL)
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
        variable: Its name.
        environment: Where it is looked up; the process's when None.

    Raises:
        ConfigError: Not a name, or a variable that is not set or holds something else.
    """
    url = (os.environ if environment is None else environment).get(check_variable(variable), "")
    shown = shown_variable(variable)
    if not url:
        raise ConfigError(f"{shown} is not set or empty; set it to the URL of a store")
    if url.lstrip().startswith("{"):
        raise ConfigError(
            f"{shown} holds a key document, not the URL of a store: of keys, name it as env:NAME"
        )
    if "://" not in url and not url.startswith(("file:", "memory:")):
        raise ConfigError(f"{shown} holds no URL of a store (its content is not shown)")
    return url


def check_url(url: str) -> None:
    """Refuse a URL with an @ that does not end the credentials: its place would show a password.

    Raises:
        ConfigError: Without any part of the URL.
    """
    scheme, _, rest = url.partition("://")
    authority, place = _AUTHORITY.findall(rest)[0]
    is_file = not authority and scheme.partition("+")[0] in ("sqlite", "unix", "memcached", "file")
    if authority.count("@") > 1 or ("@" in place and not is_file):
        raise ConfigError(
            "the URL (not shown) has an @ that does not end its credentials: write @ : / ? # in "
            "its user, password and options as %40 %3A %2F %3F %23"
        )


def check_size(name: str, number: int, least: int, why: str = "") -> None:
    """Refuse a number that is not whole, or below `least`; `why` gives the reason."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise ConfigError(f"{name} must be a whole number, not {type(number).__name__}")
    if number < least:
        raise ConfigError(f"{name} must be at least {least}{why}, not {number}")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that is not 1 to 64 of the characters that every server takes."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigError("prefix must be 1 to 64 letters, digits and _ . : -")


def first_line(error: BaseException) -> str:
    """Return what an error says in one line; what follows may hold values."""
    line = str(error).strip().partition("\n")[0]
    return line.partition(", with args beginning with")[0]  # Redis repeats AUTH's password there


def check_client(package: str, what: str, extra: str) -> None:
    """Refuse to go on without a third-party package; say which extra has it."""
    try:
        import_module(package)
    except ImportError as missing:
        raise ConfigError(f"{what}: {how_to_install(extra)}") from missing
