"""A key source that fails, lies and goes back in time, as its dice say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.errors import StoreError

if TYPE_CHECKING:
    from random import Random

LIES = ("unreachable", "empty", "old", "truncated")


class FaultySource:
    """The protocol of a key source, over a list of all documents that there were.

    Attributes:
        documents: Each document that was written, the newest last.
        faults: How often it lied, by kind.
    """

    name = "simulated source"

    def __init__(self, document: bytes, dice: Random, *, lies: float) -> None:
        self.documents = [document]
        self.faults = dict.fromkeys(LIES, 0)
        self._dice = dice
        self._lies = lies

    @property
    def newest(self) -> bytes:
        """What it holds in truth."""
        return self.documents[-1]

    def read(self) -> bytes | None:
        """Return the newest document, or something else."""
        if self._dice.random() >= self._lies:
            return self.newest
        lie = self._dice.choice(LIES)
        self.faults[lie] += 1
        if lie == "unreachable":
            raise StoreError("simulated source: unreachable")
        if lie == "empty":
            return self._dice.choice((None, b""))
        if lie == "old":
            return self._dice.choice(self.documents)
        return self.newest[: self._dice.randrange(1, len(self.newest) - 2)]

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Compare and swap."""
        if over != self.newest:
            return False
        self.documents.append(document)
        return True
