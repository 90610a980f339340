"""The Memcached store of overflowed states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Memcached
from tests.stores.fixtures import roles
from tests.stores.overflow_contract import KilledServerContract, OverflowContract, name, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.overflow.store import Store


class TestMemcached(OverflowContract, KilledServerContract):
    server = Memcached
    forgets = True

    @pytest.fixture
    def new_store(self, memcached: Memcached) -> Iterator[Callable[[], Store]]:
        """Make a store per call."""
        yield from roles(memcached.url, lambda connection: connection.overflow())

    def test_keeping_never_shortens(self, store: Store) -> None:
        """Memcached knows no such condition; the margin covers clocks and slow requests."""
        at = now()
        store.put(name(1), b"entry", until=at + 500, now=at)
        assert store.keep(name(1), until=at + 100, now=at)
        assert store.get(name(1)) == b"entry"
