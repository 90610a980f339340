"""One place of each kind that a key document can be kept in, by the URL that names it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tokensession.stores.urls import source_from_url

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tokensession.keys.source import KeySource

WRITABLE = ("file", "sqlite", "postgres", "valkey", "redis_server")
_names = count()


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of a new place of a kind; its server is started when it is first needed."""
    name = f"keys-{next(_names)}"
    if kind == "file":
        return f"{folder}/{name}.json"
    if kind == "sqlite":
        return f"sqlite:///{folder}/{name}.db"
    return f"{request.getfixturevalue(kind).url}#{name}"


def place(url: str) -> KeySource:
    """Return the source that a URL names, ready to be written."""
    source = source_from_url(url)
    prepare = getattr(source, "create", None)
    if prepare is not None:
        prepare()
    return source
