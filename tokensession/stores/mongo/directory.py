"""The directory in MongoDB by PyMongo: a collection beside that of revocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.stores.connection import Role
from tokensession.stores.mongo.database import Document, MongoDatabase
from tokensession.stores.mongo.directory_documents import COLLECTION, DirectoryDocuments
from tokensession.stores.mongo.revocation import MongoStore as Revocations
from tokensession.stores.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection

_Result = TypeVar("_Result")


class MongoStore(Role[MongoDatabase], RecordStore):
    """Keeps each record in a document of its own, which leaves by a TTL index.

    Args:
        connection: The database, or its URL or client.
        options: As for `stores.connect`, beside a URL or client.

    Raises:
        ConfigError: The connection was given a collection, which one role can have alone.
    """

    def __init__(self, connection: MongoDatabase | str, **options: Any) -> None:
        connection = MongoDatabase.of(connection, options)
        super().__init__(connection)
        self._list = self._revocations = Revocations(connection)
        connection.collection_of(COLLECTION)

    def create(self) -> None:
        self._list.create()
        self._list.run(_create)

    def _run(self, work: Callable[[DirectoryDocuments], _Result]) -> _Result:
        return self._list.run(lambda entries: work(DirectoryDocuments(entries)))


def _create(entries: Collection[Document]) -> None:
    records = entries.database[COLLECTION]
    records.create_index([("subject", 1), ("started_at", 1), ("_id", 1)])
    records.create_index("provider", sparse=True)
    records.create_index("ends_at")
    records.create_index("leaves", expireAfterSeconds=0)
