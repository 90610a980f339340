"""A list and a directory in memory that note their calls, and can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.revocation.recording import Stores as Revocations
from tokensession.stores.memory.directory import MemoryStore

if TYPE_CHECKING:
    from tokensession.revocation.decision import Ended
    from tokensession.sessions.listing import Listing, Record


class Stores(Revocations):
    """Both stores, and what they have seen."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = _Directory(self)


class _Directory(MemoryStore):
    def __init__(self, stores: Stores) -> None:
        super().__init__(stores.revocations)
        self._stores = stores

    def add(self, listing: Listing, *, now: int) -> Ended:
        self._stores.called("add")
        return super().add(listing, now=now)

    def touch(self, record: Record) -> None:
        self._stores.called("touch")
        super().touch(record)
