"""Names of files and variables. A secret in the place of a name is never shown.

The most common slip on a command line is ``$NAME`` instead of a name: the shell inserts the
variable's content. Invalid names are refused before a message can show them.
"""

from __future__ import annotations

import os
import re
from typing import Final

from tokensession.errors import ConfigError

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_SHOWN: Final = 40  # characters; a secret of 32 bytes is longer in base64 or hex
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")  # one letter is a Windows drive
_USER: Final = re.compile(r"//[^/?#:]*:")  # before the password of a URL
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9_+=-]{40,}")
# Only from the start of a word, because a search from each character takes quadratic time.
_ENCODED: Final = re.compile(r"[0-9A-Fa-f]{64,}|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{20,}={1,2}")
_PLAIN_PATH: Final = ("/", "./", "../", "~")
_DOCUMENT: Final = (
    "use KeyRing.from_jwks(document), or pass env:NAME for its variable. Process lists show "
    "arguments, so replace keys that were passed as one"
)
_GIVE: Final = "pass it in a file or on standard input, because process lists show arguments"
_FILE: Final = "write ./NAME for a file of that name"


def check_variable(name: object) -> str:
    """Return the name of an environment variable.

    Raises:
        ConfigError: The name is invalid, for example the variable's content.
    """
    if isinstance(name, str) and _VARIABLE.fullmatch(name):
        return name
    raise ConfigError(
        "invalid name of an environment variable (not shown, because it may be a secret): use "
        "letters, digits and _, and write env:NAME or url:NAME without a $"
    )


def shown_variable(name: str) -> str:
    """Return a variable's name for messages; a name that is not set may be a secret."""
    if name in os.environ or len(name) <= _LONGEST_SHOWN:
        return f"environment variable {name}"
    return "an environment variable whose name is too long to be shown"


def check_path(name: object, noun: str = "key file") -> None:
    """Refuse a path that is a document, a token, a URL or a secret.

    Args:
        name: The path.
        noun: What the file is, for messages.

    Raises:
        ConfigError: The path looks like something else; the message does not show it.
    """
    text: object = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str):
        raise ConfigError(f"the name of a {noun} is needed, not {type(text).__name__}: pass a path")
    if text in ("", "-"):
        raise ConfigError(f"the name of a {noun} is needed, not {text!r}: pass a path, such as ./-")
    found = _what(text)
    if found is not None:
        what, remedy = found
        raise ConfigError(f"the name of a {noun} is needed, not {what} (not shown): {remedy}")


def looks_secret(text: str) -> bool:
    """Tell whether a text looks like a document, a token, a URL with a password or a secret."""
    in_url = _USER.search(text.rpartition("@")[0])
    return _written_secret(text) or in_url is not None or _random(text)


def _what(text: str) -> tuple[str, str] | None:
    """Return what a text is instead of a path, and the fix; None if it can be a path."""
    if _holds_json(text):
        return "a key document", _DOCUMENT
    if _written_secret(text):
        return "a token or a key", _GIVE
    if text.startswith(_PLAIN_PATH) and not text.startswith("//"):
        return None
    if _SCHEME.match(text) or ":" in text.rpartition("@")[0]:
        return "a URL", f"stores.connect and source_from_url take URLs; {_FILE}"
    if _random(text):
        return "text that looks like a secret", _FILE
    return None


def _holds_json(text: str) -> bool:
    return "{" in text and '"' in text


def _written_secret(text: str) -> bool:
    """Tell whether a text holds JSON, PEM, or the beginning of JSON in base64url."""
    return _holds_json(text) or "-----BEGIN" in text or "eyJ" in text


def _random(text: str) -> bool:
    """Tell whether a text contains a long word of mixed characters, like encoded bytes."""
    if _ENCODED.search(text):
        return True
    return any(
        re.search("[a-z]", word) and re.search("[A-Z]", word) and re.search("[0-9]", word)
        for word in _LONG_WORD.findall(text)
    )
