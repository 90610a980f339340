"""A list of revocations that notes its calls, and can fail them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.errors import StoreError
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from tokensession.revocation.decision import Denial, Ended, Entries, Keep, Mark


class RecordingStore(MemoryStore):
    """Tells each call to its subclass before it does what was asked."""

    def _called(self, call: str) -> None:
        raise NotImplementedError

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Note the call."""
        self._called("look_up")
        return super().look_up(sid, subject)

    def deny(self, denial: Denial, *, now: int) -> Ended:
        """Note the call."""
        self._called("deny")
        return super().deny(denial, now=now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        """Note the call."""
        self._called("replace")
        return super().replace(denial, new, now=now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Note the call."""
        self._called("mark")
        return super().mark(subject, keep, now=now, life=life)


class Stores:
    """A list of revocations; subclasses add stores whose calls stand in the same order.

    Attributes:
        calls: What was called, in order.
        down: What fails.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.down: set[str] = set()
        self.revocations = _Revocations(self)

    def called(self, name: str) -> None:
        """Note a call, and let it fail if it is down."""
        self.calls.append(name)
        if name in self.down:
            raise StoreError("the store is down")

    def take(self) -> list[str]:
        """Return the calls since the last time."""
        taken, self.calls = self.calls, []
        return taken


class _Revocations(RecordingStore):
    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self._stores = stores

    def _called(self, call: str) -> None:
        self._stores.called(call)
