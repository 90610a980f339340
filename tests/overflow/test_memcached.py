"""What pymemcache raises when a connection goes away under a call, in both kinds of store."""

from __future__ import annotations

from typing import Any

import pytest

from tokensession import StoreError
from tokensession.overflow import memcached as overflow
from tokensession.revocation import memcached as revocation


def stores() -> list[Any]:
    """Return a store of each kind, of a server that is not there."""
    return [
        overflow.MemcachedStore("unix:/nowhere"),
        revocation.MemcachedStore("unix:/nowhere", may_forget=True),
    ]


@pytest.mark.parametrize("store", stores(), ids=["overflow", "revocation"])
@pytest.mark.parametrize("error", [AssertionError, ValueError, ConnectionResetError])
def test_a_connection_that_goes_away_is_tried_once_more(store: Any, error: type[Exception]) -> None:
    """The second try counts; where it fails too, the store cannot be reached."""
    outcomes: list[Any] = [error("half a line"), b"found"]

    def call(_: Any) -> bytes:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, bytes)
        return outcome

    assert store._run(call) == b"found"
    outcomes.extend([error("half a line"), error("half a line")])
    with pytest.raises(StoreError):
        store._run(call)
