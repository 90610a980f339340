"""Overflowed states in MongoDB by PyMongo: a collection whose documents leave by a TTL index."""

from __future__ import annotations

from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH
from tokensession.stores.mongo.collection import TIMEOUT, MongoCollection, moment


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
        timeout: float = TIMEOUT,
    ) -> None:
        self._documents = MongoCollection(
            url, store="overflow", database=database, collection=collection, timeout=timeout
        )

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        self._documents.close()

    def create(self) -> None:
        """Make the TTL index; leave it alone where it is.

        Raises:
            StoreError: It cannot.
        """
        self._documents.run(lambda entries: entries.create_index("until", expireAfterSeconds=0))

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:  # noqa: ARG002  # absolute here
        """Keep an entry until `until`.

        Raises:
            StoreError: It could not be written.
        """
        # Names are digests, so what has the same is the same.
        self._documents.insert({"_id": name, "entry": entry, "until": moment(until)})

    def get(self, name: bytes) -> bytes | None:
        """Return an entry, or None.

        Raises:
            StoreError: It cannot be asked.
        """
        found = self._documents.run(
            lambda entries: entries.find_one({"_id": name}, {"entry": True})
        )
        entry = None if found is None else found.get("entry")
        return entry if isinstance(entry, bytes) else None

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # absolute here
        """Keep an entry until `until` at least; False when it is not there.

        Raises:
            StoreError: It cannot be asked.
        """
        later = {"$max": {"until": moment(until)}}
        result = self._documents.run(lambda entries: entries.update_one({"_id": name}, later))
        return result.matched_count == 1

    def delete(self, name: bytes) -> None:
        """Remove an entry.

        Raises:
            StoreError: It cannot be asked.
        """
        self._documents.run(lambda entries: entries.delete_one({"_id": name}))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:  # noqa: ARG002  # the protocol's
        """Return 0: the server removes what has ended, about once a minute."""
        return 0
