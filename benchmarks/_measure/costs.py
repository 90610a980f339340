"""What session middleware adds to a request, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from _measure.machine import machine
from _measure.table import Table
from _measure.web import Kind, Lane

if TYPE_CHECKING:
    from _measure.rounds import Times

PACKAGES: Final = ("tokensession", "cryptography", "msgspec", "itsdangerous", "starlette")
QUARTILES: Final = "median, and first to third quartile."
MOST_OF_STARLETTE: Final = 0.5


@dataclass(frozen=True)
class Costs:
    """What a run gave.

    Attributes:
        times: How long requests took in process.
        rounds: How many rounds there were.
        loopback: How long they took over a socket, when that was measured.
        server: What served them there.
    """

    times: Times
    rounds: int
    loopback: Times | None
    server: str

    def markdown(self) -> str:
        """Return the whole section."""
        parts = [
            f"{machine(PACKAGES)} {self.rounds} rounds.",
            "Microseconds that a middleware adds, and ours as a share of Starlette's: " + QUARTILES,
            str(self._table(self.times)),
            f"### Target: at most {MOST_OF_STARLETTE} of what Starlette's adds",
            str(self._target_table()),
        ]
        if self.loopback is not None:
            parts += [
                f"### For information: over a loopback socket, {self.server}",
                str(self._table(self.loopback)),
            ]
        return "\n\n".join(parts)

    def _table(self, times: Times) -> Table:
        columns = ["request", "without, in all", "Starlette adds", "tokensession adds", "share"]
        columns.append("bare prototype's share")
        table = Table(columns)
        for kind in Kind:
            none, theirs, own, bare = ((kind, lane) for lane in Lane)
            table.add(
                kind,
                f"{times.microseconds(*none):.1f}",
                str(times.added(theirs, none)),
                str(times.added(own, none)),
                str(times.added_ratio(own, theirs, none)),
                str(times.added_ratio(bare, theirs, none)),
            )
        return table

    def _target_table(self) -> Table:
        table = Table(["request", "share", "met"])
        for kind in Kind:
            none, theirs, own, _ = ((kind, lane) for lane in Lane)
            share = self.times.added_ratio(own, theirs, none).middle
            table.add(kind, f"{share:.2f}", "pass" if share <= MOST_OF_STARLETTE else "miss")
        return table
