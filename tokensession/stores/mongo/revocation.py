"""Revocations in MongoDB by PyMongo: one collection of a replica set, which has transactions.

One document holds the entries for everyone and a counter. Each write raises the counter in its
transaction. So writers take turns, and a reader that has seen a position has seen all lower ones.
Each write also adds a change document with random bytes. A reader that finds its last change again
continues from there.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from tokensession.revocation.decision import NEVER, Entries, entries_with
from tokensession.revocation.limits import BATCH, SWEEP_BATCH, SWEEP_MARGIN, SWEPT_BY_A_WRITE
from tokensession.revocation.store import Batch, Capabilities, Counts, Position
from tokensession.stores.connection import Role
from tokensession.stores.mongo.database import Document, MongoDatabase
from tokensession.stores.mongo.revocation_documents import (
    DENIED,
    MARK,
    STORE,
    VERSION,
    batch_of,
    change_name,
    checked_store,
    mark_of,
    new_change,
)
from tokensession.stores.mongo.revocation_step import Step
from tokensession.stores.transactions import TransactionalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pymongo.collection import Collection
    from pymongo.database import Database


# A write is acknowledged when most servers have it in their journal; reads see only such writes.
_WRITTEN: Final = WriteConcern("majority", j=True)
_READ: Final = ReadConcern("majority")
_Result = TypeVar("_Result")


class MongoStore(Role[MongoDatabase], TransactionalStore):
    """Keeps revocations in MongoDB. It needs a replica set.

    Args:
        connection: The database, or its URL.
        options: As for `stores.connect`, with a URL.
    """

    def __init__(self, connection: MongoDatabase | str, **options: Any) -> None:
        connection = MongoDatabase.of(connection, options)
        super().__init__(connection)
        self._name = connection.collection_of("revocations")

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(durable=True, lists_changes=True)

    def create(self) -> None:
        """Create the indexes and the epoch; keep what exists."""
        self.run(self._create)
        self._store()

    def _create(self, entries: Collection[Document]) -> None:
        entries.create_index([("position", 1), ("_id", 1)])
        entries.create_index("until")
        entries.create_index("current", sparse=True)
        entries.create_index("ends", expireAfterSeconds=0)
        new: Document = {"version": VERSION, "epoch": secrets.token_hex(8), "position": 0}
        new |= {"everyone": NEVER, "highest": NEVER, "life": 0}
        made = entries.update_one({"_id": STORE}, {"$setOnInsert": new}, upsert=True)
        if made.upserted_id is not None:
            entries.replace_one({"_id": change_name(0)}, new_change(), upsert=True)

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        ids: list[Any] = [STORE, DENIED + sid]
        if subject is not None:
            ids.append(MARK + subject)
        documents = self.run(lambda entries: list(entries.find({"_id": {"$in": ids}})))
        found = {document["_id"]: document for document in documents}
        store = checked_store(found.get(STORE))
        mark = mark_of(found.get(MARK + (subject or b"")))
        return entries_with(store["everyone"], mark, denied=DENIED + sid in found)

    def count(self) -> Counts:
        self._store()
        return Counts(
            self.run(lambda entries: entries.count_documents({"kind": "denied"})),
            self.run(lambda entries: entries.count_documents({"kind": "mark"})),
        )

    def _store(self) -> Document:
        return checked_store(self.run(lambda entries: entries.find_one({"_id": STORE})))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Find the documents, then delete those that have still ended."""
        ended = {"until": {"$lt": now}}
        found = self.run(
            lambda entries: list(entries.find(ended, {"_id": True}).sort("until").limit(limit))
        )
        if not found:
            return 0
        ids = {"_id": {"$in": [document["_id"] for document in found]}}
        return self.run(lambda entries: entries.delete_many(ids | ended).deleted_count)

    def read(self, position: Position | None) -> Iterator[Batch]:
        # In this order, so that a restored collection is detected now or at the next reading.
        store = self._store()
        last = store["position"]
        number, change = position or (NEVER, "")
        here, known = self._changes(last, int(number))
        follows = here and change and known == change and int(number) <= last
        since = int(number) + 1 if follows else NEVER
        after: Any = b""
        while True:
            page = self._page(since, after)
            if page:
                since, after = page[-1]["position"], page[-1]["_id"]
                yield batch_of(page)
            if len(page) < BATCH:
                break
        # The position was read first, so that the next reading repeats concurrent entries.
        yield Batch(
            everyone=store["everyone"],
            highest=store["highest"],
            epoch=store["epoch"],
            position=(last, here),
        )

    def _changes(self, *positions: int) -> list[str]:
        """Return the random bytes in hex of the existing changes at some positions."""
        names = [change_name(position) for position in positions]
        query = {"_id": {"$in": names}}
        found = self.run(lambda entries: list(entries.find(query)))
        changes = {one["_id"]: one.get("change") for one in found}
        made = [changes.get(name) for name in names]
        return [change.hex() if isinstance(change, bytes) else "" for change in made]

    def _page(self, since: int, after: bytes) -> list[Document]:
        query: Mapping[str, Any] = {
            "kind": {"$in": ["denied", "mark"]},
            "$or": [{"position": {"$gt": since}}, {"position": since, "_id": {"$gt": after}}],
        }
        order = [("position", 1), ("_id", 1)]
        return self.run(lambda entries: list(entries.find(query).sort(order).limit(BATCH)))

    def _write(
        self,
        work: Callable[[Step], _Result],
        now: int | None,
        *,
        lock: bool = True,  # noqa: ARG002  # all writes lock
    ) -> _Result:
        def transact(entries: Collection[Document]) -> _Result:
            with entries.database.client.start_session() as session:
                return session.with_transaction(
                    lambda session: work(Step(entries, session, now or 0))
                )

        result = self.run(transact)
        if now is not None:
            self.sweep(now=now - SWEEP_MARGIN, limit=SWEPT_BY_A_WRITE)
        return result

    def run(self, call: Callable[[Collection[Document]], _Result]) -> _Result:
        """Do something with the collection."""

        def on_collection(database: Database[Document]) -> _Result:
            return call(
                database.get_collection(self._name, read_concern=_READ, write_concern=_WRITTEN)
            )

        return self._connection.run(on_collection, store="revocation")
