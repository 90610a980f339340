"""The results as text: ratio tables, the microseconds behind them, and the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from _measure.lanes import (
    ALGORITHMS,
    LIMIT,
    MANY_KEYS,
    ONE_KEY,
    OPERATIONS,
    OWN,
    RING_GROUP,
    asymmetric,
    bare,
    group,
    in_turn,
)
from _measure.machine import machine
from _measure.states import STATES, TYPICAL
from _measure.table import Table

if TYPE_CHECKING:
    from _measure.lanes import Lanes
    from _measure.rounds import Spread, Times
    from _measure.starts import Starts
    from _measure.states import State

PACKAGES: Final = (
    "tokensession",
    "cryptography",
    "PyJWT",
    "msgspec",
    "itsdangerous",
    "starlette",
    "flask",
    "django",
    "litestar",
    "joserfc",
)
MOST_OF_LIMIT: Final = 1.6
LEAST_OF_ITSDANGEROUS: Final = 3.0
MOST_OF_BARE: Final = 1.1
MOST_OF_RING: Final = 1.1
MOST_OF_IMPORT: Final = 1.3
AHEAD_OF_US: Final = "Litestar"  # no signature, no rotation: it does less, and may be faster


@dataclass(frozen=True)
class Report:
    """What a run gave.

    Attributes:
        lanes: What ran.
        times: How long it took.
        starts: How long fresh processes took.
        rounds: How many rounds there were.
    """

    lanes: Lanes
    times: Times
    starts: Starts
    rounds: int

    def ratios(self) -> str:
        """Return the tables of ratios and the targets."""
        parts = [f"### {_sized(state)}\n\n{self._ratio_table(state)}" for state in STATES]
        parts.append(f"### Signatures against their bare call\n\n{self._asymmetric_table()}")
        parts.append(f"### Import\n\n{self._import_table()}")
        parts.append(f"### Targets\n\n{self._target_table()}")
        return "\n\n".join(parts)

    def markdown(self) -> str:
        """Return the whole section of results."""
        *tables, targets = self.ratios().split("\n\n### Targets\n\n")
        return "\n\n".join(
            [
                f"{machine(PACKAGES)} {self.rounds} rounds.",
                "Multiples of the hand-composed limit: median, and first to third quartile.",
                *tables,
                f"### Microseconds per call (medians)\n\n{self._microsecond_table()}",
                f"### Targets\n\n{targets}",
            ]
        )

    def _ratio_table(self, state: State) -> Table:
        table = Table(["", "encode", "decode", "both", "characters", "encrypted"])
        for row in self.lanes.rows:
            table.add(
                row,
                *(str(self._to_limit(state, row, (operation,))) for operation in OPERATIONS),
                str(self._to_limit(state, row, OPERATIONS)),
                str(self.lanes.characters[state.name, row]),
                "yes" if row in self.lanes.encrypted else "no",
            )
        return table

    def _to_limit(self, state: State, row: str, operations: tuple[str, ...]) -> Spread:
        return self._between(state, row, LIMIT, operations)

    def _between(self, state: State, over: str, under: str, operations: tuple[str, ...]) -> Spread:
        return self.times.ratio(
            [(group(state, operation), over) for operation in operations],
            [(group(state, operation), under) for operation in operations],
        )

    def _microsecond_table(self) -> Table:
        columns = [f"{state.name} {operation}" for state in STATES for operation in OPERATIONS]
        table = Table(["", *columns])
        rows = [*self.lanes.rows, *map(bare, ALGORITHMS), *map(in_turn, ALGORITHMS)]
        for row in rows:
            table.add(row, *(f"{self.times.microseconds(column, row):.1f}" for column in columns))
        return table

    def _asymmetric_table(self) -> Table:
        table = Table(["tokensession against", *(s.name for s in STATES)])
        for algorithm in ALGORITHMS:
            for operation in OPERATIONS:
                sums = [str(self._to_bare(state, algorithm, operation)) for state in STATES]
                table.add(f"{algorithm} {operation}: bare + HS256, the sum of two loops", *sums)
                turns = [str(self._to_turns(state, algorithm, operation)) for state in STATES]
                table.add(f"{algorithm} {operation}: HS256, then bare, in one loop", *turns)
        return table

    def _to_turns(self, state: State, algorithm: str, operation: str) -> Spread:
        return self._between(state, asymmetric(algorithm), in_turn(algorithm), (operation,))

    def _to_bare(self, state: State, algorithm: str, operation: str) -> Spread:
        tasks = group(state, operation)
        return self.times.ratio(
            [(tasks, asymmetric(algorithm))], [(tasks, bare(algorithm)), (tasks, OWN)]
        )

    def _import_table(self) -> Table:
        bare_start, dependencies, own = self.starts.milliseconds()
        table = Table(["", "ratio", "ms"])
        table.add("an interpreter that imports nothing", "", f"{bare_start:.0f}")
        table.add("its three dependencies", "1", f"{dependencies:.0f}")
        table.add("import tokensession, whole process", str(self.starts.ratio()), f"{own:.0f}")
        net = f"{own - bare_start:.0f}"
        table.add("likewise, less the bare interpreter", str(self.starts.net_ratio()), net)
        return table

    def _target_table(self) -> Table:
        table = Table(["target", *(state.name for state in STATES), f"at {TYPICAL.name}"])
        limits = [self._to_limit(state, OWN, OPERATIONS).middle for state in STATES]
        _judge(
            table, f"encode + decode, at most {MOST_OF_LIMIT} x the limit", limits, MOST_OF_LIMIT
        )
        dangers = [self._between(s, "itsdangerous", OWN, OPERATIONS).middle for s in STATES]
        least = LEAST_OF_ITSDANGEROUS
        _judge(table, f"at least {least:.0f} x faster than itsdangerous", dangers, least=least)
        for operation in OPERATIONS:
            closest = [self._closest(state, operation) for state in STATES]
            label = f"{operation}: ahead of each peer but {AHEAD_OF_US} (the closest, x)"
            _judge(table, label, closest, least=1.0)
        for algorithm in ALGORITHMS:
            for operation in OPERATIONS:
                label = f"{algorithm} {operation}, at most {MOST_OF_BARE} x (bare + HS256)"
                turns = [self._to_turns(s, algorithm, operation).middle for s in STATES]
                _judge(table, f"{label}, both in one loop", turns, MOST_OF_BARE)
                bares = [self._to_bare(s, algorithm, operation).middle for s in STATES]
                _judge(table, f"{label}, a loop of each", bares, MOST_OF_BARE)
        ring = self.times.ratio([(RING_GROUP, MANY_KEYS)], [(RING_GROUP, ONE_KEY)]).middle
        _judge_one(
            table, f"decode with {MANY_KEYS}, at most {MOST_OF_RING} x 1 key", ring, MOST_OF_RING
        )
        starts = self.starts.ratio().middle
        label = f"import, at most {MOST_OF_IMPORT} x its dependencies"
        _judge_one(table, label, starts, MOST_OF_IMPORT)
        return table

    def _closest(self, state: State, operation: str) -> float:
        """Return how much longer the fastest of the peers takes that must be behind."""
        return min(
            self._between(state, peer, OWN, (operation,)).middle
            for peer in self.lanes.peers
            if peer != AHEAD_OF_US
        )


def _judge(
    table: Table, label: str, ratios: list[float], most: float = float("inf"), *, least: float = 0.0
) -> None:
    """Add a target's ratio for each state, and whether the typical one meets it."""
    cells = [f"{ratio:.2f}{'' if least <= ratio <= most else ' (miss)'}" for ratio in ratios]
    typical = ratios[STATES.index(TYPICAL)]
    table.add(label, *cells, "pass" if least <= typical <= most else "miss")


def _judge_one(table: Table, label: str, ratio: float, most: float) -> None:
    """Add a target that is measured once, not for each state."""
    cells = [f"{ratio:.2f}" if state is TYPICAL else "" for state in STATES]
    table.add(label, *cells, "pass" if ratio <= most else "miss")


def _sized(state: State) -> str:
    return f"State of {state.name} ({state.json_bytes} bytes of JSON)"
