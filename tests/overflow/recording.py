"""A store of overflow that notes its calls, and can fail them."""

from __future__ import annotations

from tokensession.stores.memory.overflow import MemoryStore


class RecordingStore(MemoryStore):
    """Tells each call to its subclass before it does what was asked."""

    def _called(self, call: str) -> None:
        raise NotImplementedError

    def put(self, name: bytes, entry: bytes, *, until: int, now: int) -> None:
        """Note the call."""
        self._called("put")
        super().put(name, entry, until=until, now=now)

    def get(self, name: bytes) -> bytes | None:
        """Note the call."""
        self._called("get")
        return super().get(name)

    def keep(self, name: bytes, *, until: int, now: int) -> bool:
        """Note the call."""
        self._called("keep")
        return super().keep(name, until=until, now=now)

    def delete(self, name: bytes) -> None:
        """Note the call."""
        self._called("delete")
        super().delete(name)
