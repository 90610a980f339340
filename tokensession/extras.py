"""How an extra of this package is installed."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, for the error of a package that is missing.

    No index has this package yet, so the command runs in a clone of the repository.
    """
    return f"run pip install '.[{extra}]' in a clone of tokensession"
