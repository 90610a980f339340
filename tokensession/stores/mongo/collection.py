"""MongoDB by PyMongo: each call ends within its time."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.stores.arguments import check_timeout, first_line

try:
    import pymongo
    from pymongo.errors import DuplicateKeyError, PyMongoError
    from pymongo.read_concern import ReadConcern
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError("MongoStore needs PyMongo: pip install 'tokensession[mongodb]'") from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection

TIMEOUT: Final = 2.0  # seconds

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_LAST: Final = 253_402_300_799  # Unix second at the end of the year 9999, the last of a datetime

AFTER: Final = pymongo.ReturnDocument.AFTER
Document = dict[str, Any]
_Result = TypeVar("_Result")


class MongoCollection:
    """A collection in which a store keeps its documents.

    Args:
        url: Where, as PyMongo reads it.
        store: What the store is called in messages.
        database: The name of the database.
        collection: The name of the collection.
        timeout: Seconds that a call may take at the most.
        journaled: Whether a write is done only when most servers have it in their journal, and
            nothing is read that could still be rolled back; otherwise the URL and the server
            decide.

    Raises:
        ConfigError: A URL that is none, or a wrong argument.
    """

    def __init__(
        self,
        url: str,
        *,
        store: str,
        database: str,
        collection: str,
        timeout: float,
        journaled: bool = False,
    ) -> None:
        check_timeout(timeout)
        for name in (database, collection):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(
                    "database and collection must be 1 to 60 letters, digits, _ and -, "
                    "a letter first"
                )
        if not isinstance(url, str) or not url.startswith(("mongodb://", "mongodb+srv://")):
            # The message must not show a URL, which may have a password.
            raise ConfigError("url must begin with mongodb:// or mongodb+srv://")
        self._url = url
        self._store = store
        self._names = database, collection
        self._timeout = timeout
        self._written = pymongo.WriteConcern("majority", j=True) if journaled else None
        self._read = ReadConcern("majority") if journaled else None
        self._clients: dict[int, pymongo.MongoClient[Document]] = {}

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            with pymongo.timeout(self._timeout):  # the driver takes leave of its server
                client.close()

    def run(self, call: Callable[[Collection[Document]], _Result]) -> _Result:
        """Do something with the collection.

        Raises:
            StoreError: It failed, or took too long.
        """
        try:
            with pymongo.timeout(self._timeout):
                return call(self.documents())
        except PyMongoError as error:
            reason = first_line(error).partition(", Timeout:")[0]
            raise StoreError(f"the {self._store} store (mongodb) failed: {reason}") from error

    def insert(self, document: Document) -> None:
        """Put a document there, unless there is one of its id.

        Raises:
            StoreError: As for `run`.
        """

        def insert(documents: Collection[Document]) -> None:
            # The driver tries twice, and the first may have arrived.
            with contextlib.suppress(DuplicateKeyError):
                documents.insert_one(document)

        self.run(insert)

    def documents(self) -> Collection[Document]:
        """Return the collection, by the client of this process: none lives through a fork."""
        client = self._clients.get(os.getpid())
        if client is None:
            client = self._new_client()
        database, collection = self._names
        # The primary, whatever the URL prefers: a secondary may not have heard of what was written.
        return client[database].get_collection(
            collection,
            read_preference=pymongo.ReadPreference.PRIMARY,
            read_concern=self._read,
            write_concern=self._written,
        )

    def _new_client(self) -> pymongo.MongoClient[Document]:
        milliseconds = round(self._timeout * 1000)
        try:
            made: pymongo.MongoClient[Document] = pymongo.MongoClient(
                self._url,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                connect=False,
            )
        except (PyMongoError, ValueError):
            # The message must not show a URL, which may have a password.
            raise StoreError(
                f"the {self._store} store (mongodb) has a URL that cannot be read"
            ) from None
        # In one step, without a lock, which a fork could catch held.
        client = self._clients.setdefault(os.getpid(), made)
        if client is not made:
            made.close()
        return client


def moment(until: int) -> datetime:
    """Return a Unix second as the server's TTL index reads it."""
    return datetime.fromtimestamp(min(until, _LAST), UTC)
