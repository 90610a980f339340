"""Overflowed states in MongoDB by PyMongo: a collection whose documents leave by a TTL index."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.connection import connection_of
from tokensession.stores.mongo.database import MongoDatabase, moment

from pymongo.errors import DuplicateKeyError  # isort: skip  # after what names a missing extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection

    from tokensession.stores.mongo.database import Document

_Result = TypeVar("_Result")


class MongoStore:
    """Keeps each entry in a document of its own.

    Args:
        where: A `MongoDatabase`, or a URL for one of its own.
        database: The name of its own database.
        collection: Of its own database: the name of the collection; the default is ``overflow``.
        timeout: Of its own database: seconds that a call can take at most.

    Raises:
        ConfigError: An invalid URL or argument.
    """

    largest = MAX_ENTRY

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
        self._name = self._database.collection_of("overflow")

    def close(self) -> None:
        """Close the connections of the database."""
        self._database.close()

    def create(self) -> None:
        """Make the TTL index."""
        self._run(lambda entries: entries.create_index("until", expireAfterSeconds=0))

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:  # noqa: ARG002  # absolute here
        """Insert a document; one that is there has the same entry, as names are digests."""

        def insert(entries: Collection[Document]) -> None:
            # The driver tries twice, and the first may have arrived.
            with contextlib.suppress(DuplicateKeyError):
                entries.insert_one({"_id": name, "entry": entry, "until": moment(until)})

        self._run(insert)

    def get(self, name: bytes) -> bytes | None:
        """Find the document."""
        found = self._run(lambda entries: entries.find_one({"_id": name}, {"entry": True}))
        entry = None if found is None else found.get("entry")
        return entry if isinstance(entry, bytes) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Update the date of the document, where that is later."""
        later = {"$max": {"until": moment(until)}}
        result = self._run(lambda entries: entries.update_one({"_id": name}, later))
        return result.matched_count == 1

    def delete(self, name: bytes) -> None:
        """Delete the document."""
        self._run(lambda entries: entries.delete_one({"_id": name}))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended, about once a minute."""
        return 0

    def _run(self, call: Callable[[Collection[Document]], _Result]) -> _Result:
        return self._database.run(lambda database: call(database[self._name]), store="overflow")
