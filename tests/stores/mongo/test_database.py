"""The connection to MongoDB: one client for all of its roles, each with a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.fixtures import new_prefix
from tests.stores.samples import NOW, denial, sid
from tokensession import ConfigError
from tokensession.stores import connect
from tokensession.stores.mongo.database import MongoDatabase

if TYPE_CHECKING:
    from tests.servers import Mongo

URL = "mongodb://ada:hunter2@a:1,b:2/?authSource=admin"


def test_all_roles_share_one_client(mongo: Mongo) -> None:
    """They work side by side in collections of their own; it keeps no keys."""
    store = MongoDatabase(mongo.url, database=new_prefix(), timeout=60)
    revocations, overflow = store.revocations(), store.overflow()
    store.create()
    revocations.deny(denial(1), now=NOW)
    overflow.put(bytes(32), b"entry", until=2**33, now=NOW)
    names = store.run(lambda database: database.list_collection_names(), store="overflow")
    assert sorted(names) == ["overflow", "revocations"]
    assert len(store._client._made) == 1
    with pytest.raises(ConfigError, match="MongoDB cannot store keys"):
        store.keys()
    store.close()
    assert revocations.look_up(sid(1), None).denied
    assert overflow.get(bytes(32)) == b"entry"
    store.close()


def test_one_collection_is_for_one_role() -> None:
    """Two roles would take each other's documents for garbage."""
    store = connect("mongodb://h", collection="shop")
    assert store.revocations()
    assert store.revocations()
    with pytest.raises(ConfigError, match="revocations already uses collection shop"):
        store.overflow()


def test_its_name_has_no_password() -> None:
    """It has the hosts and the database alone."""
    assert connect(URL, database="shop").name == "mongodb a:1,b:2/shop"
    assert connect("mongodb+srv://u:hunter2@h.example").name == "mongodb h.example/tokensession"
    assert connect("mongodb://[::1]:5?tls=true").name == "mongodb [::1]:5/tokensession"
