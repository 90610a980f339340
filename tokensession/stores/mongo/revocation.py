"""Revocations in MongoDB by PyMongo: one collection, of a replica set, as it takes transactions.

One document holds what is for everyone, and a counter. Every write raises the counter in the
transaction in which it writes its entry, so writers take turns, and whoever has seen a position has
seen all that is below it.
"""

from __future__ import annotations

import secrets
from time import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation import decision
from tokensession.revocation.decision import NEVER, Entries, Mark
from tokensession.revocation.store import (
    BATCH,
    SWEEP_BATCH,
    SWEEP_MARGIN,
    Batch,
    Capabilities,
    Counts,
)
from tokensession.stores.mongo.collection import AFTER, TIMEOUT, MongoCollection, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

    from tokensession.revocation.decision import Denial, Keep
    from tokensession.revocation.store import Position
    from tokensession.stores.mongo.collection import Document

VERSION: Final = 1

_SWEPT_BY_A_WRITE: Final = 16  # entries: more than a write adds, and next to no work
_STORE: Final = "store"  # the id of the one document; those of entries are bytes
_DENIED, _MARK = b"d", b"m"  # what the ids of entries begin with
_SUBJECT_BYTES: Final = 32
_Result = TypeVar("_Result")


class MongoStore:
    """Keeps revocations in MongoDB.

    Args:
        url: Where, as PyMongo reads it: ``mongodb://`` or ``mongodb+srv://``; a replica set.
        database: The name of the database.
        collection: The name of the collection.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: A URL that is none, or a wrong argument.
    """

    capabilities: Capabilities = Capabilities(durable=True, lists_changes=True)

    def __init__(
        self,
        url: str,
        *,
        database: str = "tokensession",
        collection: str = "revocations",
        timeout: float = TIMEOUT,
    ) -> None:
        self._documents = MongoCollection(
            url,
            store="revocation",
            database=database,
            collection=collection,
            timeout=timeout,
            journaled=True,
        )

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        self._documents.close()

    # -- making it -----------------------------------------------------------------------------

    def create(self) -> None:
        """Make the indexes and the epoch; leave alone what is there.

        Raises:
            StoreError: It cannot, or what is there is of another version.
        """
        self._documents.run(self._create)
        self._store()

    def _create(self, entries: Collection[Document]) -> None:
        entries.create_index([("position", 1), ("_id", 1)])
        entries.create_index("until")
        entries.create_index("ends", expireAfterSeconds=0)
        new = {"version": VERSION, "epoch": secrets.token_hex(8), "position": 0}
        new |= {"everyone": NEVER, "highest": NEVER}
        entries.update_one({"_id": _STORE}, {"$setOnInsert": new}, upsert=True)

    # -- asking --------------------------------------------------------------------------------

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what it holds about one session, in one round trip.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        ids: list[Any] = [_STORE, _DENIED + sid]
        if subject is not None:
            ids.append(_MARK + subject)
        documents = self._documents.run(lambda entries: list(entries.find({"_id": {"$in": ids}})))
        found = {document["_id"]: document for document in documents}
        store = _checked(found.get(_STORE))
        mark = _mark(found.get(_MARK + (subject or b"")))
        denied = _DENIED + sid in found
        if mark is None:
            return Entries(denied, store["everyone"])
        return Entries(denied, store["everyone"], mark.instant, mark.kept)

    def count(self) -> Counts:
        """Return how many entries it holds.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
        self._store()
        return Counts(
            self._documents.run(lambda entries: entries.count_documents({"kind": "denied"})),
            self._documents.run(lambda entries: entries.count_documents({"kind": "mark"})),
        )

    def _store(self) -> Document:
        return _checked(self._documents.run(lambda entries: entries.find_one({"_id": _STORE})))

    # -- telling -------------------------------------------------------------------------------

    def deny(self, denial: Denial, *, now: int) -> None:
        """Deny a session id.

        Raises:
            StoreError: It could not be recorded.
        """
        self._write(lambda step: step.deny(denial, now), now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> None:
        """Deny a session id and, where its subject's mark spares it, spare `new` instead.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(step: _Step) -> None:
            step.deny(denial, now)
            if denial.subject is not None:
                mark = decision.replaced(step.mark(denial.subject), denial.sid, new)
                if mark is not None:
                    step.put_mark(denial.subject, mark, now)

        self._write(write, now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(step: _Step) -> Mark:
            everyone = step.store["everyone"]
            mark = decision.next_mark(step.mark(subject), everyone, keep, now, life)
            step.put_mark(subject, mark, now)
            step.update({"$max": {"highest": mark.instant}})
            return mark

        return self._write(write, now)

    def revoke_all(self, *, now: int) -> int:
        """End every session begun so far.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(step: _Step) -> int:
            store = step.store
            everyone = decision.next_everyone(store["everyone"], store["highest"], now)
            step.update({"$set": {"everyone": everyone}})
            return everyone

        return self._write(write, now)

    def revoke_before(self, instant: int) -> int:
        """End every session begun before an instant.

        Raises:
            StoreError: It could not be recorded.
        """

        def write(step: _Step) -> int:
            everyone = decision.everyone_before(step.store["everyone"], instant)
            step.update({"$set": {"everyone": everyone}})
            return everyone

        return self._write(write, None)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` entries whose end is before `now`.

        Raises:
            StoreError: It could not be done.
        """
        ended = {"until": {"$lt": now}}
        found = self._documents.run(
            lambda entries: list(entries.find(ended, {"_id": True}).sort("until").limit(limit))
        )
        if not found:
            return 0
        ids = {"_id": {"$in": [document["_id"] for document in found]}}
        return self._documents.run(lambda entries: entries.delete_many(ids | ended).deleted_count)

    # -- reading along -------------------------------------------------------------------------

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give all that it holds, or what has changed since a position.

        Raises:
            StoreError: It cannot be asked, or was not created.
        """
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
                yield _batch(page)
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
        return self._documents.run(
            lambda entries: list(entries.find(query).sort(order).limit(BATCH))
        )

    # -- talking to the server -----------------------------------------------------------------

    def _write(self, work: Callable[[_Step], _Result], now: int | None) -> _Result:
        """Do a write as one step, in the store's order, and sweep a little."""

        def transact(entries: Collection[Document]) -> _Result:
            with entries.database.client.start_session() as session:
                return session.with_transaction(lambda session: work(_Step(entries, session)))

        result = self._documents.run(transact)
        if now is not None:
            self.sweep(now=now - SWEEP_MARGIN, limit=_SWEPT_BY_A_WRITE)
        return result


class _Step:
    """One transaction, which has taken its turn by raising the counter.

    Attributes:
        store: What is for everyone, as the transaction sees it.
    """

    def __init__(self, entries: Collection[Document], session: ClientSession) -> None:
        self._entries = entries
        self._session = session
        self.store = _checked(
            entries.find_one_and_update(
                {"_id": _STORE},
                {"$inc": {"position": 1}},
                return_document=AFTER,
                session=session,
            )
        )

    def update(self, change: Mapping[str, Any]) -> None:
        """Change what is for everyone."""
        self._entries.update_one({"_id": _STORE}, change, session=self._session)

    def deny(self, denial: Denial, now: int) -> None:
        """Add a denied session id."""
        self._put(_DENIED + denial.sid, {"kind": "denied"}, denial.until, now)

    def mark(self, subject: bytes) -> Mark | None:
        """Return the mark of a subject."""
        return _mark(self._entries.find_one({"_id": _MARK + subject}, session=self._session))

    def put_mark(self, subject: bytes, mark: Mark, now: int) -> None:
        """Put a mark, to live as long as the longest of the subject's."""
        values = {"kind": "mark", "instant": mark.instant, "kept": mark.kept}
        self._put(_MARK + subject, values | {"revision": mark.revision}, mark.until, now)

    def _put(self, name: bytes, values: Mapping[str, Any], until: int, now: int) -> None:
        # By the host's own clock, as the server's decides when it removes the entry.
        ends = int(time()) + max(until - now, 0) + SWEEP_MARGIN
        change = {
            "$set": {**values, "position": self.store["position"]},
            "$max": {"until": until, "ends": moment(ends)},
        }
        self._entries.update_one({"_id": name}, change, upsert=True, session=self._session)


def _checked(store: Document | None) -> Document:
    if store is None:
        raise StoreError(
            "the revocation store (mongodb) is empty: what it held is gone, or it was never made; "
            "make it with create(), and end all older sessions if it is a loss (revoke_all)"
        )
    if store.get("version") != VERSION:
        raise StoreError(
            f"the revocation store (mongodb) is of another version; this library knows {VERSION}"
        )
    if not all(isinstance(store.get(name), int) for name in ("everyone", "highest", "position")):
        raise StoreError("the revocation store (mongodb) holds no numbers where some belong")
    return store


def _mark(document: Document | None) -> Mark | None:
    if document is None:
        return None
    numbers = [document.get(name) for name in ("instant", "until", "revision")]
    kept = document.get("kept")
    if not all(isinstance(number, int) for number in numbers) or not (
        kept is None or (isinstance(kept, bytes) and len(kept) == SID_BYTES)
    ):
        raise StoreError("the revocation store (mongodb) holds something that is no mark")
    instant, until, revision = numbers
    return Mark(instant, kept, until, revision)  # type: ignore[arg-type]  # they are numbers


def _batch(page: list[Document]) -> Batch:
    """Return the entries of a page; what is none is counted."""
    denied: list[tuple[bytes, int]] = []
    marks: list[tuple[bytes, Mark]] = []
    skipped = 0
    for document in page:
        name, until = document["_id"], document.get("until")
        try:
            if not isinstance(name, bytes):  # such as the id that the driver gives
                skipped += 1
            elif document["kind"] == "mark" and len(name) == 1 + _SUBJECT_BYTES:
                mark = _mark(document)
                assert mark is not None
                marks.append((name[1:], mark))
            elif len(name) == 1 + SID_BYTES and isinstance(until, int):
                denied.append((name[1:], until))
            else:
                skipped += 1
        except StoreError:
            skipped += 1
    return Batch(denied, marks, skipped=skipped)
