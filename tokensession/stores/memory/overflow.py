"""Overflowed states in memory, for tests and single-process services."""

from __future__ import annotations

import threading
from typing import Final

from tokensession.errors import StoreError
from tokensession.forks import PerProcess
from tokensession.overflow.store import MAX_ENTRY, SWEEP_BATCH, SWEEP_EVERY, Store
from tokensession.stores.arguments import check_size

ROOM: Final = 256_000_000  # bytes


class MemoryStore(Store):
    """Keeps entries in this process, and loses them when it ends. A forked child has a copy.

    Args:
        room: Total bytes of all entries. A full store makes `put` raise StoreError.

    Raises:
        ConfigError: `room` is too small for a single entry.
    """

    def __init__(self, *, room: int = ROOM) -> None:
        check_size("room", room, MAX_ENTRY, " bytes, the size of one entry")
        self._room = room
        self._used = 0
        self._puts = 0
        self._entries: dict[bytes, tuple[bytes, int]] = {}
        self._lock = PerProcess(threading.Lock)

    def create(self) -> None:
        """Memory needs no preparation."""

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        with self._lock():
            self._puts += 1
            full = self._used + len(entry) > self._room
            if full or self._puts % SWEEP_EVERY == 0:
                self._sweep(now, len(self._entries))
            if self._used + len(entry) > self._room:
                raise StoreError(
                    f"the overflow store (memory) is full: {self._used} of {self._room} bytes. "
                    "Raise room, or use a store outside the process"
                )
            self._remove(name)
            self._entries[name] = entry, until
            self._used += len(entry)

    def get(self, name: bytes) -> bytes | None:
        found = self._entries.get(name)
        return None if found is None else found[0]

    def keep(self, name: bytes, *, until: int, now: int) -> bool:  # noqa: ARG002  # the protocol's
        with self._lock():
            found = self._entries.get(name)
            if found is None:
                return False
            self._entries[name] = found[0], max(found[1], until)
            return True

    def delete(self, name: bytes) -> None:
        with self._lock():
            self._remove(name)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        with self._lock():
            return self._sweep(now, limit)

    def _sweep(self, now: int, limit: int) -> int:
        ended = [name for name, (_, until) in self._entries.items() if until < now][:limit]
        for name in ended:
            self._remove(name)
        return len(ended)

    def _remove(self, name: bytes) -> None:
        found = self._entries.pop(name, None)
        if found is not None:
            self._used -= len(found[0])
