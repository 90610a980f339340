"""The Memcached store of overflowed states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Memcached
from tests.stores.fixtures import roles
from tests.stores.overflow_contract import KilledServerContract, OverflowContract

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
