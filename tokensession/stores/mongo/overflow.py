"""Overflowed states in MongoDB by PyMongo. A TTL index removes ended documents."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo.errors import DuplicateKeyError

from tokensession.overflow.store import Store
from tokensession.stores.connection import Role
from tokensession.stores.mongo.database import Document, MongoDatabase, moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection

_Result = TypeVar("_Result")


class MongoStore(Role[MongoDatabase], Store):
    """Keeps each entry in its own document.

    Args:
        connection: The database, or its URL.
        options: As for `stores.connect`, with a URL.
    """

    def __init__(self, connection: MongoDatabase | str, **options: Any) -> None:
        connection = MongoDatabase.of(connection, options)
        super().__init__(connection)
        self._name = connection.collection_of("overflow")

    def create(self) -> None:
        """Create the TTL index."""
        self._run(lambda entries: entries.create_index("until", expireAfterSeconds=0))

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:  # noqa: ARG002  # the end is absolute
        def insert(entries: Collection[Document]) -> None:
            # The driver tries twice, and the first try may have succeeded. Names are digests, so an
            # existing document has the same entry.
            with contextlib.suppress(DuplicateKeyError):
                entries.insert_one({"_id": name, "entry": entry, "until": moment(until)})

        self._run(insert)

    def get(self, name: bytes) -> bytes | None:
        found = self._run(lambda entries: entries.find_one({"_id": name}, {"entry": True}))
        entry = None if found is None else found.get("entry")
        return entry if isinstance(entry, bytes) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # the end is absolute
        later = {"$max": {"until": moment(until)}}
        result = self._run(lambda entries: entries.update_one({"_id": name}, later))
        return result.matched_count == 1

    def delete(self, name: bytes) -> None:
        self._run(lambda entries: entries.delete_one({"_id": name}))

    def _run(self, call: Callable[[Collection[Document]], _Result]) -> _Result:
        return self._connection.run(lambda database: call(database[self._name]), store="overflow")
