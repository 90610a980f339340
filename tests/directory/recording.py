"""A list and a directory in memory that note their calls, and can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.errors import StoreError
from tokensession.stores.memory.directory import MemoryStore as Directory
from tokensession.stores.memory.revocation import MemoryStore as Revocations

if TYPE_CHECKING:
    from tokensession.revocation.decision import Denial, Ended, Entries
    from tokensession.sessions.listing import Listing, Record


class Stores:
    """Both stores, and what they have seen.

    Attributes:
        calls: What was called, in order.
        down: What fails.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.down: set[str] = set()
        self.revocations = _Revocations(self)
        self.directory = _Directory(self)

    def called(self, name: str) -> None:
        """Note a call, and let it fail if it is down."""
        self.calls.append(name)
        if name in self.down:
            raise StoreError("the store is down")

    def take(self) -> list[str]:
        """Return the calls since the last time."""
        taken, self.calls = self.calls, []
        return taken


class _Revocations(Revocations):
    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        self._stores.called("look_up")
        return super().look_up(sid, subject)

    def deny(self, denial: Denial, *, now: int) -> Ended:
        self._stores.called("deny")
        return super().deny(denial, now=now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        self._stores.called("replace")
        return super().replace(denial, new, now=now)


class _Directory(Directory):
    def __init__(self, stores: Stores) -> None:
        super().__init__(stores.revocations)
        self._stores = stores

    def add(self, listing: Listing, *, now: int) -> Ended:
        self._stores.called("add")
        return super().add(listing, now=now)

    def touch(self, record: Record) -> None:
        self._stores.called("touch")
        super().touch(record)
