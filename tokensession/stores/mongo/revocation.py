"""Revocations in MongoDB by PyMongo: one collection of a replica set, which takes transactions.

One document holds what is for everyone, and a counter. Every write raises the counter in the
transaction in which it writes its entries. So writers take turns, and a reader that has seen a
position has seen all that is below it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Ended, Entries, Mark
from tokensession.revocation.store import (
    BATCH,
    SWEEP_BATCH,
    SWEEP_MARGIN,
    Batch,
    Capabilities,
    Counts,
)
from tokensession.stores.connection import connection_of
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.mongo.revocation_documents import (
    DENIED,
    MARK,
    STORE,
    VERSION,
    Step,
    batch_of,
    checked_store,
    mark_of,
)

from pymongo import WriteConcern  # isort: skip  # after what names a missing extra
from pymongo.read_concern import ReadConcern  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pymongo.collection import Collection
    from pymongo.database import Database

    from tokensession.revocation.decision import Denial, Keep
    from tokensession.revocation.store import Position
    from tokensession.stores.mongo.database import Document

_SWEPT_BY_A_WRITE: Final = 16  # entries: more than a write adds, and next to no work
# A write is done when most servers have it in their journal, and a read sees only such writes.
_WRITTEN: Final = WriteConcern("majority", j=True)
_READ: Final = ReadConcern("majority")
_Result = TypeVar("_Result")


class MongoStore:
    """Keeps revocations in MongoDB. It needs a replica set.

    Args:
        where: A `MongoDatabase`, or a URL for one of its own.
        database: The name of its own database.
        collection: Of its own database: the name of the collection; the default is ``revocations``.
        timeout: Of its own database: seconds that a call can take at most.

    Raises:
        ConfigError: An invalid URL or argument.
    """

    capabilities: Capabilities = Capabilities(durable=True, lists_changes=True)

    def __init__(
        self,
        where: MongoDatabase | str,
        *,
        database: str | None = None,
        collection: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._database = connection_of(
            MongoDatabase, where, database=database, collection=collection, timeout=timeout
        )
        self._name = self._database.collection_of("revocations")

    def close(self) -> None:
        """Close the connections of the database."""
        self._database.close()

    def create(self) -> None:
        """Make the indexes and the epoch; leave alone what is there."""
        self._run(self._create)
        self._store()

    def _create(self, entries: Collection[Document]) -> None:
        entries.create_index([("position", 1), ("_id", 1)])
        entries.create_index("until")
        entries.create_index("current", sparse=True)
        entries.create_index("ends", expireAfterSeconds=0)
        new = {"version": VERSION, "epoch": secrets.token_hex(8), "position": 0}
        new |= {"everyone": NEVER, "highest": NEVER}
        entries.update_one({"_id": STORE}, {"$setOnInsert": new}, upsert=True)

    # -- asking --------------------------------------------------------------------------------

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return the entries of one session, in one round trip."""
        ids: list[Any] = [STORE, DENIED + sid]
        if subject is not None:
            ids.append(MARK + subject)
        documents = self._run(lambda entries: list(entries.find({"_id": {"$in": ids}})))
        found = {document["_id"]: document for document in documents}
        store = checked_store(found.get(STORE))
        mark = mark_of(found.get(MARK + (subject or b"")))
        return _entries(DENIED + sid in found, store, mark)

    def count(self) -> Counts:
        """Count the documents."""
        self._store()
        return Counts(
            self._run(lambda entries: entries.count_documents({"kind": "denied"})),
            self._run(lambda entries: entries.count_documents({"kind": "mark"})),
        )

    def _store(self) -> Document:
        return checked_store(self._run(lambda entries: entries.find_one({"_id": STORE})))

    # -- telling -------------------------------------------------------------------------------

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Deny the ids, and move the mark, in one transaction."""
        successor = denial.successor

        def write(step: Step) -> Ended:
            _, current = step.chain(denial.sid)
            denied = tuple(dict.fromkeys((denial.sid, current or denial.sid)))
            subject = None if successor is None else successor.subject
            mark = step.mark(subject)
            for sid in denied:
                step.deny(sid, denial.until)
                if successor is not None and subject == denial.subject:
                    mark = _spare(step, subject, mark, sid, successor.sid)
            return Ended(denied, step.store["everyone"], mark)

        return self._write(write, now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Decide and write in one transaction."""
        sid, subject, until = denial.sid, denial.subject, denial.until

        def write(step: Step) -> Ended:
            first, current = step.chain(sid)
            if current is not None and step.is_denied(current):
                current = None
            mark = step.mark(subject)
            found = _entries(step.is_denied(sid), step.store, mark)
            if not decision.is_recorded(denial, new, found, current):
                if sid != first:
                    step.deny(sid, until, first=first)
                # The chain lives as long as the document of its first id.
                step.deny(first, until, current=new)
                mark = _spare(step, subject, mark, sid, new)
            return Ended((sid,), step.store["everyone"], mark)

        return self._write(write, now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set the mark in one transaction."""

        def write(step: Step) -> Mark:
            everyone = step.store["everyone"]
            mark = decision.next_mark(step.mark(subject), everyone, keep, now, life)
            step.put_mark(subject, mark)
            step.update({"$max": {"highest": mark.instant}})
            return mark

        return self._write(write, now)

    def revoke_all(self, *, now: int) -> int:
        """Raise the instant for everyone in one transaction."""

        def write(step: Step) -> int:
            store = step.store
            everyone = decision.next_everyone(store["everyone"], store["highest"], now)
            step.update({"$set": {"everyone": everyone}})
            return everyone

        return self._write(write, now)

    def revoke_before(self, instant: int) -> int:
        """Raise the instant for everyone in one transaction."""

        def write(step: Step) -> int:
            everyone = decision.everyone_before(step.store["everyone"], instant)
            step.update({"$set": {"everyone": everyone}})
            return everyone

        return self._write(write, None)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Find the documents, then delete those whose end is still before `now`."""
        ended = {"until": {"$lt": now}}
        found = self._run(
            lambda entries: list(entries.find(ended, {"_id": True}).sort("until").limit(limit))
        )
        if not found:
            return 0
        ids = {"_id": {"$in": [document["_id"] for document in found]}}
        return self._run(lambda entries: entries.delete_many(ids | ended).deleted_count)

    # -- reading along -------------------------------------------------------------------------

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Find the documents in the order of their positions."""
        store = self._store()
        epoch, last = store["epoch"], store["position"]
        since = -1
        if position is not None and position[0] == epoch and int(position[1]) <= last:
            since = int(position[1])
        after: Any = b""
        while True:
            page = self._page(since, after)
            if page:
                since, after = page[-1]["position"], page[-1]["_id"]
                yield batch_of(page)
            if len(page) < BATCH:
                break
        # Read first, so whatever came meanwhile is read (again) from here.
        yield Batch(
            everyone=store["everyone"],
            highest=store["highest"],
            epoch=epoch,
            position=(epoch, last),
        )

    def _page(self, since: int, after: bytes) -> list[Document]:
        query: Mapping[str, Any] = {
            "kind": {"$in": ["denied", "mark"]},
            "$or": [{"position": {"$gt": since}}, {"position": since, "_id": {"$gt": after}}],
        }
        order = [("position", 1), ("_id", 1)]
        return self._run(lambda entries: list(entries.find(query).sort(order).limit(BATCH)))

    # -- talking to the server -----------------------------------------------------------------

    def _write(self, work: Callable[[Step], _Result], now: int | None) -> _Result:
        """Do a write as one step, in the store's order, and sweep a little."""

        def transact(entries: Collection[Document]) -> _Result:
            with entries.database.client.start_session() as session:
                return session.with_transaction(
                    lambda session: work(Step(entries, session, now or 0))
                )

        result = self._run(transact)
        if now is not None:
            self.sweep(now=now - SWEEP_MARGIN, limit=_SWEPT_BY_A_WRITE)
        return result

    def _run(self, call: Callable[[Collection[Document]], _Result]) -> _Result:
        def on_collection(database: Database[Document]) -> _Result:
            return call(
                database.get_collection(self._name, read_concern=_READ, write_concern=_WRITTEN)
            )

        return self._database.run(on_collection, store="revocation")


def _entries(denied: bool, store: Document, mark: Mark | None) -> Entries:  # noqa: FBT001  # as Entries takes it
    if mark is None:
        return Entries(denied, store["everyone"])
    return Entries(denied, store["everyone"], mark.instant, mark.kept)


def _spare(
    step: Step, subject: bytes | None, mark: Mark | None, old: bytes, new: bytes
) -> Mark | None:
    """Let a subject's mark spare `new` where it spared `old`; return the mark."""
    moved = decision.replaced(mark, old, new)
    if moved is None or subject is None:
        return mark
    step.put_mark(subject, moved)
    return moved
