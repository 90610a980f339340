"""This process's memory as a store: lost at a restart, and invisible to other processes."""

from __future__ import annotations

from tokensession.errors import ConfigError
from tokensession.stores.connection import Connection
from tokensession.stores.memory import directory, overflow, revocation


class ProcessMemory(Connection):
    """A store in memory, for tests and single-process services.

    Each connection has its own memory, so use one connection for the whole process.

    Args:
        where: ``memory:``.
        max_denied: The most session ids to deny individually; see
            `tokensession.stores.memory.revocation.MemoryStore`.
        room: Total bytes of all overflowed states.

    Raises:
        ConfigError: The URL is not ``memory:``, or a number is too small.
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
            raise ConfigError("a memory store has no further options in its URL: pass memory:")
        self._revocations = revocation.MemoryStore(max_denied=max_denied)
        self._overflow = overflow.MemoryStore(room=room)

    @property
    def name(self) -> str:
        """The fixed name of this store."""
        return "memory:"

    def revocations(self, *, may_forget: bool = False) -> revocation.MemoryStore:  # noqa: ARG002  # it can
        """Return the revocation store; each call returns the same one."""
        self._asked["revocations"] = self._revocations.create
        return self._revocations

    def overflow(self) -> overflow.MemoryStore:
        """Return the overflow store; each call returns the same one."""
        self._asked["overflow"] = self._overflow.create
        return self._overflow

    def directory(self) -> directory.MemoryStore:
        """Return the directory beside the store of revocations."""
        made = directory.MemoryStore(self._revocations)
        self._asked["directory"] = made.create
        return made

    def close(self) -> None:
        """Do nothing, because there are no connections."""
