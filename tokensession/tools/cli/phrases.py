"""The library's errors in the words of the command line: options in the place of parameters."""

from __future__ import annotations

import re
from typing import Final

# What an error begins with, where it names a parameter that an option fills.
_PARAMETERS: Final = re.compile(r"(?:subject|context|ttl|cap|now|before|leeway|prefix)\b")
_OPTIONS: Final = {"before": "--all-before"}
# What the library says to a program, and what it means to a person at a terminal.
PHRASES: Final = {
    "pass shared_file=True (--shared-file)": "pass --shared-file",
    "pass --unlisted (in Python unlisted=True)": "pass --unlisted",
    "use KeyRing.from_jwks(document), or pass env:NAME for its variable": "name its file, or its "
    "variable as env:NAME",
    ", or pass overflow=stores.connect(url).overflow()": "",
    "lower it, or raise token_lifetime": "lower it, or raise it in the document by `tokensession "
    "keys schedule --token-lifetime`",
    "pass the user's id, or None for no user": "leave it out for no user",
    "run create()": "run `tokensession revocations create`, or for a directory `tokensession "
    "sessions create`",
    "Run create(), and after a loss revoke_all(), which": "Run `tokensession revocations create`, "
    "and after a loss `tokensession revoke --all`, which",
    "stores.connect and source_from_url take URLs; ": "--store and SOURCE take URLs; ",
}


def in_options(message: str) -> str:
    """Return an error of the library as the command line says it."""
    found = _PARAMETERS.match(message)
    if found is not None:
        word = found[0]
        message = _OPTIONS.get(word, f"--{word}") + message[len(word) :]
    for phrase, meant in PHRASES.items():
        message = message.replace(phrase, meant)
    return message
