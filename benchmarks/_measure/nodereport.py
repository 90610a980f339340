"""The codecs of Node beside ours, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from _measure.machine import machine
from _measure.nodepeers import OPERATIONS
from _measure.table import Table

if TYPE_CHECKING:
    from _measure.rounds import Times

GROUP: Final = "node"
OWN: Final = "tokensession (Python)"
SIGNED_ONLY: Final = "jose HS256"
PACKAGES: Final = ("tokensession", "cryptography", "msgspec")


@dataclass(frozen=True)
class NodeReport:
    """What a run gave.

    Attributes:
        times: How long it took.
        characters: The length of each row's token, in the order of the table.
        versions: What runs in Node.
        missing: What could not be loaded there, and why.
        rounds: How many rounds there were.
    """

    times: Times
    characters: dict[str, int]
    versions: dict[str, str]
    missing: dict[str, str]
    rounds: int

    def markdown(self) -> str:
        """Return the whole section."""
        node = ", ".join(f"{name} {version}" for name, version in self.versions.items() if version)
        parts = [
            f"{machine(PACKAGES)} In Node: {node}. {self.rounds} rounds.",
            "Multiples of tokensession in Python: median, and first to third quartile.",
            str(self._ratio_table()),
            "Microseconds per call (medians):",
            str(self._microsecond_table()),
        ]
        parts += [f"Left out: {name} ({reason})." for name, reason in self.missing.items()]
        return "\n\n".join(parts)

    def _ratio_table(self) -> Table:
        table = Table(["", *OPERATIONS, "both", "characters", "encrypted"])
        for row, characters in self.characters.items():
            table.add(
                row,
                *(self._ratio(row, (operation,)) for operation in OPERATIONS),
                self._ratio(row, OPERATIONS),
                str(characters),
                "no" if row == SIGNED_ONLY else "yes",
            )
        return table

    def _ratio(self, row: str, operations: tuple[str, ...]) -> str:
        over, under = (
            [(f"{GROUP} {operation}", name) for operation in operations] for name in (row, OWN)
        )
        return str(self.times.ratio(over, under))

    def _microsecond_table(self) -> Table:
        table = Table(["", *OPERATIONS])
        for row in self.characters:
            times = (self.times.microseconds(f"{GROUP} {one}", row) for one in OPERATIONS)
            table.add(row, *(f"{time:.1f}" for time in times))
        return table
