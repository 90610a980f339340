"""The memory of this process as a store: a restart forgets it, and no other process sees it."""

from __future__ import annotations

from tokensession.errors import ConfigError
from tokensession.stores.connection import Connection
from tokensession.stores.memory import directory, overflow, revocation


class ProcessMemory(Connection):
    """What this process remembers, for tests and for a service of one process.

    Each connection is a memory of its own, so use one connection for the whole process.

    Args:
        where: ``memory:``.
        max_denied: The most session ids to deny one by one; see
            `tokensession.stores.memory.revocation.MemoryStore`.
        room: Bytes that all overflowed states together can take.

    Raises:
        ConfigError: Another URL, or a number that is too small.
    """

    vendor = "memory"

    def __init__(
        self,
        where: str = "memory:",
        *,
        max_denied: int = revocation.MAX_DENIED,
        room: int = overflow.ROOM,
    ) -> None:
        super().__init__()
        if where not in ("memory:", "memory://"):
            raise ConfigError("the URL of memory is memory: and nothing more")
        self._revocations = revocation.MemoryStore(max_denied=max_denied)
        self._overflow = overflow.MemoryStore(room=room)

    @property
    def name(self) -> str:
        """The one name that it has."""
        return "memory:"

    def revocations(self, *, may_forget: bool = False) -> revocation.MemoryStore:  # noqa: ARG002  # it does
        """Return the store of revocations, the same each time."""
        self._asked["revocations"] = self._revocations.create
        return self._revocations

    def overflow(self) -> overflow.MemoryStore:
        """Return the store of overflowed states, the same each time."""
        self._asked["overflow"] = self._overflow.create
        return self._overflow

    def directory(self) -> directory.MemoryStore:
        """Return the directory beside the store of revocations."""
        made = directory.MemoryStore(self._revocations)
        self._asked["directory"] = made.create
        return made

    def close(self) -> None:
        """Do nothing: there are no connections."""
