"""The documents of the MongoDB directory, within a transaction or outside of one."""

from __future__ import annotations

import contextlib
from time import time
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import DuplicateKeyError

from tokensession.directory.decision import lives
from tokensession.errors import StoreError
from tokensession.revocation.decision import Mark, entries_with
from tokensession.revocation.limits import BATCH, SWEEP_BATCH, SWEEP_MARGIN
from tokensession.sessions.listing import Record
from tokensession.stores.mongo.database import Document, moment
from tokensession.stores.mongo.revocation_documents import (
    DENIED,
    MARK,
    STORE,
    checked_store,
    mark_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

COLLECTION: Final = "directory"
_NEWEST_FIRST: Final = [("started_at", -1), ("_id", -1)]


class DirectoryDocuments:
    """Records as documents; see `tokensession.stores.records.Records`.

    Args:
        entries: The collection of revocations.
        session: The session of a transaction, or None.
    """

    def __init__(self, entries: Collection[Document], session: ClientSession | None = None) -> None:
        self._entries = entries
        self._records = entries.database.get_collection(
            COLLECTION, read_concern=entries.read_concern, write_concern=entries.write_concern
        )
        self._in: dict[str, Any] = {"session": session}

    def put(self, record: Record) -> None:
        self._records.replace_one({"_id": record.id}, _document(record), upsert=True, **self._in)

    def touch(self, record: Record) -> None:
        document = _document(record)
        dates = {name: document[name] for name in ("last_seen", "ends_at", "dies_at", "leaves")}
        earlier = {"_id": record.id, "last_seen": {"$lte": record.last_seen}}
        if self._records.update_one(earlier, {"$set": dates}, **self._in).matched_count == 0:
            with contextlib.suppress(DuplicateKeyError):  # of another request, just now
                self._records.update_one(
                    {"_id": record.id}, {"$setOnInsert": document}, upsert=True, **self._in
                )

    def move(self, former: bytes, record: Record) -> None:
        known = self._records.find_one({"_id": former}, **self._in)
        if known is None:
            self.touch(record)
            return
        was = _record(known)
        self.put(record._replace(label=was.label, provider=was.provider))
        self.remove([former])

    def remove(self, names: Sequence[bytes]) -> None:
        self._records.delete_many({"_id": {"$in": list(names)}}, **self._in)

    def newest_first(
        self,
        subject: bytes,
        *,
        now: int,
        after: tuple[int, bytes] | None = None,
        but: bytes = b"",
        skip: int = 0,
        limit: int,
    ) -> list[Record]:
        everyone, marks = self._marks([subject])
        mark = marks.get(subject)
        query: dict[str, Any] = {"subject": subject, "ends_at": {"$gt": now}, "_id": {"$ne": but}}
        query["started_at"] = {"$gt": everyone}
        if mark is not None:
            query["$or"] = [{"started_at": {"$gt": mark.instant}}, {"sid": mark.kept}]
        found: list[Record] = []
        most = skip + limit
        while len(found) < most:
            size = min(most - len(found) + 16, BATCH)  # few of them have been denied
            page = self._page(_after(query, after), size)
            found += self._living(page, now)
            if len(page) < size:
                break
            after = page[-1].started_at, page[-1].id
        return found[skip:most]

    def find(self, name: bytes, *, now: int) -> Record | None:
        found = self._records.find_one({"_id": name}, **self._in)
        living = [] if found is None else list(self._living([_record(found)], now))
        return living[0] if living else None

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        found = self._records.find({"provider": provider}, **self._in).limit(SWEEP_BATCH)
        return list(self._living([_record(one) for one in found], now))

    def count(self) -> int:
        return self._records.count_documents({}, **self._in)

    def sweep(self, *, now: int, limit: int) -> int:
        ended = {"ends_at": {"$lt": now}}
        found = self._records.find(ended, {"_id": True}, **self._in).sort("ends_at").limit(limit)
        names = [document["_id"] for document in found]
        if not names:
            return 0
        query = {"_id": {"$in": names}, **ended}
        return self._records.delete_many(query, **self._in).deleted_count

    def _page(self, query: dict[str, Any], size: int) -> list[Record]:
        found = self._records.find(query, **self._in).sort(_NEWEST_FIRST).limit(size)
        return [_record(document) for document in found]

    def _living(self, records: list[Record], now: int) -> Iterator[Record]:
        """Give those that live."""
        if not records:
            return
        # Read after the records: what was ended before this began is in it.
        everyone, marks = self._marks({record.subject for record in records})
        ids = [DENIED + record.sid for record in records]
        found = self._entries.find({"_id": {"$in": ids}}, {"_id": True}, **self._in)
        denied = {document["_id"] for document in found}
        for record in records:
            is_denied = DENIED + record.sid in denied
            if lives(
                record, entries_with(everyone, marks.get(record.subject), denied=is_denied), now
            ):
                yield record

    def _marks(self, subjects: Iterable[bytes]) -> tuple[int, dict[bytes, Mark]]:
        """Return the instant for everyone, and the marks of subjects."""
        ids: list[Any] = [STORE, *(MARK + subject for subject in subjects)]
        found = {one["_id"]: one for one in self._entries.find({"_id": {"$in": ids}}, **self._in)}
        everyone: int = checked_store(found.pop(STORE, None))["everyone"]
        marks = {name[len(MARK) :]: mark_of(document) for name, document in found.items()}
        return everyone, {subject: mark for subject, mark in marks.items() if mark is not None}


def _after(query: dict[str, Any], after: tuple[int, bytes] | None) -> dict[str, Any]:
    if after is None:
        return query
    start, name = after
    later = [{"started_at": {"$lt": start}}, {"started_at": start, "_id": {"$lt": name}}]
    return {"$and": [query, {"$or": later}]}


def _document(record: Record) -> Document:
    # By the host's own clock, as the server's decides when it removes the document.
    leaves = int(time()) + max(record.ends_at - record.last_seen, 0) + SWEEP_MARGIN
    document = record._asdict() | {"_id": record.id, "leaves": moment(leaves)}
    del document["id"]
    return document


def _record(document: Document) -> Record:
    fields: dict[str, Any] = {name: document.get(name) for name in Record._fields[1:]}
    fields["id"] = document["_id"]
    names = [fields[name] for name in ("id", "sid", "subject")]
    numbers = [fields[name] for name in ("started_at", "last_seen", "ends_at", "dies_at")]
    if not (
        all(isinstance(name, bytes) for name in (*names, fields["provider"] or b""))
        and all(isinstance(number, int) for number in numbers)
        and isinstance(fields["label"], str)
    ):
        raise StoreError("the directory (mongodb) holds a document that is not a record")
    return Record(**fields)
