"""The MongoDB store, on a server that speaks its wire protocol over WiredTiger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from pymongo import ReadPreference

from tests.stores.fixtures import revocations
from tests.stores.revocation_contract import StoreContract
from tests.stores.samples import ADA, NOW, denial, sid
from tokensession.errors import ConfigError, StoreError
from tokensession.stores.mongo import revocation as mongostore
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.mongo.overflow import MongoStore as OverflowStore
from tokensession.stores.mongo.revocation import MongoStore
from tokensession.stores.mongo.revocation_documents import change_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.collection import Collection

    from tests.servers import Mongo
    from tokensession.revocation.store import Store


@pytest.fixture
def new_mongo(mongo: Mongo) -> Iterator[Callable[[], Store]]:
    """Make an empty store per call."""
    yield from revocations(mongo.url)


class TestMongo(StoreContract):
    @pytest.fixture
    def new_store(self, new_mongo: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store per call."""
        return new_mongo

    @pytest.fixture
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read four entries at a time."""
        monkeypatch.setattr(mongostore, "BATCH", 4)


def documents_of(store: MongoStore | OverflowStore) -> Collection[dict[str, Any]]:
    """Return the collection of a store."""
    found: list[Collection[dict[str, Any]]] = []
    (store.run if isinstance(store, MongoStore) else store._run)(found.append)
    return found[0]


def test_an_emptied_store_denies(new_mongo: Callable[[], Any]) -> None:
    """An emptied store fails each call until it is made anew, with another epoch."""
    store = new_mongo()
    store.deny(denial(1), now=NOW)
    *_, last = store.read(None)
    position, epoch = last.position, last.epoch
    documents_of(store).delete_many({})
    calls: list[Callable[[], object]] = [
        lambda: store.look_up(sid(1), ADA),
        lambda: store.deny(denial(1), now=NOW),
        lambda: store.revoke_all(now=NOW),
        lambda: list(store.read(None)),
        store.count,
    ]
    for call in calls:
        with pytest.raises(StoreError, match="is empty"):
            call()
    store.create()
    *_, last = store.read(position)
    assert last.epoch != epoch


def test_garbage_is_refused_or_counted(new_mongo: Callable[[], Any]) -> None:
    """What is no entry denies who asks for it, and is left out, and told, of what is read."""
    store = new_mongo()
    entries = documents_of(store)
    mark = {"_id": b"m" + ADA, "kind": "mark", "instant": "x", "until": 1, "revision": 1}
    entries.insert_one(mark | {"position": 1})
    entries.insert_one({"_id": b"d", "kind": "denied", "until": 1, "position": 1})
    with pytest.raises(StoreError, match="invalid mark"):
        store.look_up(sid(1), ADA)
    assert sum(batch.skipped for batch in store.read(None)) == 2
    chains: list[dict[str, Any]] = [{"first": "x"}, {"current": 7}, {"current": b"short"}]
    for number, chain in enumerate(chains):
        entries.insert_one({"_id": b"d" + sid(number + 5), "kind": "denied", **chain})
        with pytest.raises(StoreError, match="invalid session id"):
            store.deny(denial(number + 5, None), now=NOW)
        with pytest.raises(StoreError, match="invalid session id"):
            store.replace(denial(number + 5, None), sid(9), now=NOW)
    entries.update_one({"_id": "store"}, {"$set": {"everyone": "x"}})
    with pytest.raises(StoreError, match="an invalid number"):
        store.look_up(sid(1), None)
    entries.update_one({"_id": "store"}, {"$set": {"version": 1}})
    with pytest.raises(StoreError, match="another version"):
        store.create()


@pytest.mark.parametrize("change", [{}, {"change": None}, {"kind": "change", "change": "text"}])
def test_a_change_of_another_kind(new_mongo: Callable[[], Any], change: dict[str, Any]) -> None:
    """A reader whose last change is not one any more reads everything."""
    store = new_mongo()
    store.deny(denial(1), now=NOW)
    *_, last = store.read(None)
    documents_of(store).replace_one({"_id": change_name(last.position[0])}, change)
    found = [one for batch in store.read(last.position) for one in batch.denied]
    assert [name for name, _ in found] == [sid(1)]


def test_ids_of_another_kind(new_mongo: Callable[[], Any]) -> None:
    """Foreign documents do not keep the store from reading the entries beside them."""
    store = new_mongo()
    entries = documents_of(store)
    names: list[Any] = [ObjectId(), 5, "d23456789abcdefgh", "m" * 33]
    for name in names:
        kind = "mark" if str(name).startswith("m") else "denied"
        numbers = {"instant": 1, "until": NOW, "revision": 1, "position": 1}
        entries.insert_one({"_id": name, "kind": kind, **numbers})
    store.deny(denial(1), now=NOW)
    batches = list(store.read(None))
    assert sum(batch.skipped for batch in batches) == len(names)
    assert [one for batch in batches for one, _ in batch.denied] == [sid(1)]


@pytest.mark.parametrize("make", [MongoStore, OverflowStore])
def test_the_primary_is_asked(make: type[MongoStore | OverflowStore]) -> None:
    """The primary is asked against the URL's preference, because a secondary can be behind."""
    url = "mongodb://127.0.0.1:9/?readPreference=secondaryPreferred&readConcernLevel=local"
    store = make(MongoDatabase(url))
    documents = documents_of(store)
    assert documents.read_preference == ReadPreference.PRIMARY
    level = "majority" if make is MongoStore else "local"
    assert documents.read_concern.level == level  # what can be rolled back is no revocation
    store.close()


def test_entries_leave_by_the_server_too(new_mongo: Callable[[], Any]) -> None:
    """The server removes entries by a TTL index on a date after their end."""
    store = new_mongo()
    store.deny(denial(1), now=NOW)
    entries = documents_of(store)
    indexes = [one for one in entries.index_information().values() if "expireAfterSeconds" in one]
    assert [(one["key"], one["expireAfterSeconds"]) for one in indexes] == [([("ends", 1)], 0)]
    (entry,) = entries.find({"kind": "denied"})
    assert entry["ends"].year >= 2026


def test_wrong_arguments() -> None:
    """Each is named, and no message shows a URL."""
    makes: tuple[Callable[[], MongoStore], ...] = (
        lambda: MongoStore(MongoDatabase("http://user:secret@localhost")),
        lambda: MongoStore(MongoDatabase("mongodb://user:secret@host:port")),
        lambda: MongoStore(MongoDatabase("mongodb://localhost:1", timeout=0)),
        lambda: MongoStore(MongoDatabase("mongodb://localhost:1", collection="$x")),
    )
    for make in makes:
        with pytest.raises(ConfigError) as found:
            make()
        assert "secret" not in str(found.value)


def test_a_server_that_is_down(mongo: Mongo) -> None:
    """It is a StoreError within the time that was given."""
    store = MongoStore(MongoDatabase(mongo.url.replace(str(mongo.port), "1"), timeout=0.2))
    with pytest.raises(StoreError, match=r"the revocation store \(mongodb\) failed: "):
        store.look_up(sid(1), ADA)
    store.close()
