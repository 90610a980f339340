"""A store whose client is not installed says which extra has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENTS = {
    "sqlalchemy": ("sql", "sql", "sqlite:///x.db"),
    "redis": ("redis", "redis", "redis://localhost"),
    "pymemcache": ("memcached", "memcached", "memcached://localhost:11211"),
    "pymongo": ("mongo", "mongodb", "mongodb://localhost"),
}


def last_line(client: str, program: str) -> str:
    """Return the last line of a program's complaint that cannot import a client."""
    program = f"import sys; sys.modules[{client!r}] = None; {program}"
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("role", ["overflow", "revocation", "keys"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_missing(role: str, client: str) -> None:
    """The import fails by one line, which is what to type."""
    module, extra, _ = CLIENTS[client]
    if role == "keys" and module not in ("sql", "redis"):
        pytest.skip("it keeps no keys")
    last = last_line(client, f"import tokensession.stores.{module}.{role}")
    assert last.startswith("tokensession.errors.ConfigError: ")
    assert last.endswith(f": run pip install '.[{extra}]' in a clone of tokensession")


@pytest.mark.parametrize("client", CLIENTS)
def test_connecting_without_a_client(client: str) -> None:
    """The same line, as soon as the store is named."""
    _, extra, url = CLIENTS[client]
    last = last_line(client, f"from tokensession import stores; stores.connect({url!r})")
    assert last.startswith("tokensession.errors.ConfigError: ")
    assert last.endswith(f": run pip install '.[{extra}]' in a clone of tokensession")
