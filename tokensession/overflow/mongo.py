"""Overflowed states in MongoDB by PyMongo: a collection whose documents leave by a TTL index."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokensession.errors import ConfigError, StoreError
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH

try:
    import pymongo
    from pymongo.errors import DuplicateKeyError, PyMongoError
except ImportError as _missing:  # pragma: no cover  # the tests have it
    raise ConfigError("MongoStore needs PyMongo: pip install 'tokensession[mongodb]'") from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection

_TIMEOUT: Final = 2.0  # seconds
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_LAST: Final = 253_402_300_799  # Unix second at the end of the year 9999, the last of a datetime

_Result = TypeVar("_Result")


class MongoStore:
    """Keeps each entry in a document of its own.

    Args:
        url: Where, as PyMongo reads it: ``mongodb://`` or ``mongodb+srv://``.
        database: The name of the database.
        collection: The name of the collection.
        timeout: Seconds that a call may take at the most.

    Raises:
        ConfigError: A URL that is none, or a wrong argument.
    """

    largest = MAX_ENTRY

    def __init__(
        self,
        url: str,
        *,
        database: str = "tokensession",
        collection: str = "overflow",
        timeout: float = _TIMEOUT,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be above 0 seconds, not {timeout}")
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
        self._names = database, collection
        self._timeout = timeout
        self._clients: dict[int, pymongo.MongoClient[dict[str, Any]]] = {}

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def create(self) -> None:
        """Make the TTL index; leave it alone where it is.

        Raises:
            StoreError: It cannot.
        """
        self._run(lambda entries: entries.create_index("until", expireAfterSeconds=0))

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:  # noqa: ARG002  # absolute here
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        document = {"_id": name, "entry": entry, "until": _moment(until)}

        def insert(entries: Collection[dict[str, Any]]) -> None:
            # The driver tries twice, and the first may have arrived; names are digests.
            with contextlib.suppress(DuplicateKeyError):
                entries.insert_one(document)

        self._run(insert)

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        found = self._run(lambda entries: entries.find_one({"_id": name}, {"entry": True}))
        entry = None if found is None else found.get("entry")
        return entry if isinstance(entry, bytes) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        later = {"$max": {"until": _moment(until)}}
        result = self._run(lambda entries: entries.update_one({"_id": name}, later))
        return result.matched_count == 1

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        self._run(lambda entries: entries.delete_one({"_id": name}))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended, about once a minute."""
        return 0

    def _run(self, call: Callable[[Collection[dict[str, Any]]], _Result]) -> _Result:
        try:
            return call(self._entries())
        except PyMongoError as error:
            reason = str(error).strip().partition("\n")[0].partition(", Timeout:")[0]
            raise StoreError(f"the overflow store (mongodb) failed: {reason}") from error

    def _entries(self) -> Collection[dict[str, Any]]:
        client = self._clients.get(os.getpid())  # none lives through a fork
        if client is None:
            client = self._new_client()
        database, collection = self._names
        return client[database][collection]

    def _new_client(self) -> pymongo.MongoClient[dict[str, Any]]:
        milliseconds = round(self._timeout * 1000)
        try:
            made: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
                self._url,
                timeoutMS=milliseconds,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                connect=False,
            )
        except (PyMongoError, ValueError):
            # The message must not show a URL, which may have a password.
            raise StoreError("the overflow store (mongodb) has a URL that cannot be read") from None
        # In one step, without a lock, which a fork could catch held.
        client = self._clients.setdefault(os.getpid(), made)
        if client is not made:
            made.close()
        return client


def _moment(until: int) -> datetime:
    return datetime.fromtimestamp(min(until, _LAST), UTC)
