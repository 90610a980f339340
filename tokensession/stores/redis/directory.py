"""The directory in Redis or Valkey by redis-py: keys beside those of revocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.directory.store import Store
from tokensession.revocation.limits import SWEEP_BATCH
from tokensession.stores.connection import Role
from tokensession.stores.redis import directory_scripts as scripts
from tokensession.stores.redis.records import place_of, records_in, text_of
from tokensession.stores.redis.revocation import RedisStore as Revocations
from tokensession.stores.redis.server import RedisServer

if TYPE_CHECKING:
    from tokensession.revocation.decision import Ended
    from tokensession.sessions.listing import Listing, Record


class RedisStore(Role[RedisServer], Store):
    """Keeps records in a hash, and what they are found by in sorted sets.

    Args:
        connection: The server, or cluster, or its URL or client.
        options: As for `stores.connect`, beside a URL or client.

    Raises:
        ConfigError: A client that decodes or reads from replicas.
    """

    def __init__(self, connection: RedisServer | Any, **options: Any) -> None:
        connection = RedisServer.of(connection, options)
        super().__init__(connection)
        # The store of revocations that a codec has beside this one refuses a server that evicts.
        self._revocations = Revocations(connection, may_forget=True)

    def create(self) -> None:
        """Make what the store of revocations needs; records need no preparation."""
        self._revocations.create()

    def add(self, listing: Listing, *, now: int) -> Ended:
        return self._revocations.add(listing, now=now)

    def touch(self, record: Record) -> None:
        self._revocations.run_listed(scripts.TOUCH, record.id, text_of(record))

    def sessions(
        self, subject: bytes, *, now: int, after: tuple[int, bytes] | None, limit: int
    ) -> list[Record]:
        place = place_of(subject, after)
        return records_in(
            self._revocations.run_listed(scripts.SESSIONS, subject, now, place, limit)
        )

    def find(self, name: bytes, *, now: int) -> Record | None:
        found = records_in(self._revocations.run_listed(scripts.FIND, name, now))
        return found[0] if found else None

    def of_provider(self, provider: bytes, *, now: int) -> list[Record]:
        return records_in(self._revocations.run_listed(scripts.OF_PROVIDER, provider, now))

    def count(self) -> int:
        return int(self._revocations.run_listed(scripts.COUNT))

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        return int(self._revocations.run_listed(scripts.SWEEP, now, limit))
