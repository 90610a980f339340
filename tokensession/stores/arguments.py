"""What the stores of every client check of their arguments, without asking a server."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Final

from tokensession.errors import ConfigError
from tokensession.format.seconds import check_number

_LONGEST_TIMEOUT: Final = 3600  # seconds; no request waits for so long
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def check_timeout(seconds: float) -> None:
    """Refuse a timeout that is not above 0 and at most 3600 seconds."""
    check_number("timeout", seconds)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise ConfigError(
            f"timeout must be above 0 and at most {_LONGEST_TIMEOUT} seconds, not {seconds}"
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
    return str(error).strip().partition("\n")[0]


def check_client(package: str, what: str, extra: str) -> None:
    """Refuse to go on without a third-party package; say which extra has it."""
    try:
        import_module(package)
    except ImportError as missing:
        raise ConfigError(f"{what}: pip install 'tokensession[{extra}]'") from missing
