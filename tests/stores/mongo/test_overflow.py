"""The MongoDB store of overflowed states, on a server that speaks its wire protocol."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.servers import Mongo
from tests.stores.fixtures import new_prefix
from tests.stores.overflow_contract import KilledServerContract, OverflowContract, name, now
from tokensession.stores.mongo.database import MongoDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensession.overflow.store import Store


class TestMongo(OverflowContract, KilledServerContract):
    server = Mongo

    @pytest.fixture
    def new_store(self, mongo: Mongo) -> Iterator[Callable[[], Store]]:
        """Make a store per call."""
        made: list[MongoDatabase] = []

        def make() -> Store:
            made.append(MongoDatabase(mongo.url, collection=new_prefix(), timeout=60))
            store = made[-1].overflow()
            made[-1].create()
            return store

        yield make
        for connection in made:
            connection.close()

    def test_an_entry_leaves_after_its_end(self, mongo: Mongo) -> None:  # type: ignore[override]  # by its index
        """The server removes it at the date that it holds, but looks once a minute."""
        at, collection = now(), new_prefix()
        connection = MongoDatabase(mongo.url, collection=collection, timeout=60)
        store = connection.overflow()
        connection.create()
        store.put(name(1), b"entry", until=at + 1, now=at)
        assert store.keep(name(1), until=at + 500, now=at)
        indexes, entries = connection.run(
            lambda database: (
                database[collection].index_information(),
                list(database[collection].find()),
            ),
            store="overflow",
        )
        (index,) = [one for one in indexes.values() if "expireAfterSeconds" in one]
        assert (index["key"], index["expireAfterSeconds"]) == ([("until", 1)], 0)
        assert [type(entry["until"]) for entry in entries] == [datetime]
        connection.close()
