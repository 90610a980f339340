"""A store whose client is not installed says which extra has it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENTS = {
    "sqlalchemy": ("sql", "sql"),
    "redis": ("redis", "redis"),
    "pymemcache": ("memcached", "memcached"),
    "pymongo": ("mongo", "mongodb"),
}


@pytest.mark.parametrize("package", ["overflow", "revocation"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_missing(package: str, client: str) -> None:
    """The import fails by one line, which is what to type."""
    module, extra = CLIENTS[client]
    program = (
        f"import sys; sys.modules[{client!r}] = None; import tokensession.stores.{module}.{package}"
    )
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("tokensession.errors.ConfigError: ")
    assert last.endswith(f": pip install 'tokensession[{extra}]'")
