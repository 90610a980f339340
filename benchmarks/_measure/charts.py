"""Which charts there are, drawn from the tables that stand in the README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from _measure.chart import Bar, chart

if TYPE_CHECKING:
    from pathlib import Path

OWN: Final = "tokensession"
_CELL: Final = re.compile(r"^(-?[\d.,]+)(?: \((-?[\d.,]+) to (-?[\d.,]+)\))?$")


def draw(readme: str, folder: Path) -> list[Path]:
    """Write a chart for each report that the README has tables of; return the files."""
    charts = {
        "codec": (
            "Encoding and decoding a state of 245 bytes",
            "multiples of the hand-composed limit; median and quartiles; shorter is better",
            _column(_table(readme, "results", "State of 245 B"), "both"),
        ),
        "node": (
            "The same state in Node and in Python",
            "multiples of tokensession in Python; median and quartiles; shorter is better",
            _column(_table(readme, "node", ""), "both"),
        ),
        "requests": (
            "What a session adds to a request of a Starlette application",
            "microseconds; median and quartiles; shorter is better",
            _pairs(_table(readme, "requests", ""), "Starlette adds"),
        ),
        "frameworks": (
            "What a session adds to a request of Flask and Django",
            "microseconds; median and quartiles; shorter is better",
            _pairs(_table(readme, "frameworks", ""), "its own adds"),
        ),
        "revocation": (
            "Whether a session is revoked: a replica's check, a lookup and what they stand beside",
            "microseconds; shorter is better",
            _revocation(readme),
        ),
        "overflow": (
            "Sessions of 10 and 100 kB in a store",
            "microseconds per request (medians); shorter is better",
            _overflow(_table(readme, "overflow", "")),
        ),
        "load": (
            "Half of all requests under load were answered within",
            "milliseconds; shorter is better",
            _load(_table(readme, "load", "Milliseconds meanwhile")),
        ),
    }
    written = []
    for name, (title, unit, bars) in charts.items():
        if bars:
            path = folder / f"{name}.svg"
            path.write_text(chart(title, unit, bars))
            written.append(path)
    return written


def _section(readme: str, name: str) -> str:
    """Return what stands between two equal markers, or nothing."""
    parts = readme.split(f"<!-- {name} -->")
    return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004  # before, between, after


def _table(readme: str, name: str, after: str) -> list[dict[str, str]]:
    """Return the rows of the first table of a section after some words, by column."""
    _, _, text = (
        _section(readme, name).partition(after) if after else ("", "", _section(readme, name))
    )
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def _bar(label: str, cell: str, *, own: bool) -> list[Bar]:
    found = _CELL.match(cell)
    if found is None:
        return []
    value, low, high = (
        None if one is None else float(one.replace(",", "")) for one in found.groups()
    )
    assert value is not None
    return [Bar(label, value, value if low is None else low, value if high is None else high, own)]


def _column(rows: list[dict[str, str]], column: str) -> list[Bar]:
    return [bar for row in rows for bar in _bar(row[""], row[column], own=row[""].startswith(OWN))]


def _pairs(rows: list[dict[str, str]], theirs: str) -> list[Bar]:
    bars = []
    for row in rows:
        bars += _bar(f"{row['request']}: {theirs.removesuffix(' adds')}", row[theirs], own=False)
        bars += _bar(f"{row['request']}: {OWN}", row[f"{OWN} adds"], own=True)
    return bars


def _overflow(rows: list[dict[str, str]]) -> list[Bar]:
    bars = []
    for row in rows:
        label = f"{row['state, store']}, {row['request']}"
        bars += _bar(f"{label}: plain", row["plain sessions"], own=False)
        bars += _bar(f"{label}: ours", row[OWN], own=True)
    return bars


def _load(rows: list[dict[str, str]]) -> list[Bar]:
    return [
        bar
        for row in rows
        for bar in _bar(
            f"{row['server']}: {row['request']}", row["50 %"], own=row["request"] != "no session"
        )
    ]


def _revocation(readme: str) -> list[Bar]:
    bars = []
    for row in _table(readme, "revocation", "A replica's copy"):
        entries = row["entries"]
        bars += _bar(f"{entries} entries: a decode without a check", row["decode, us"], own=False)
        bars += _bar(f"{entries} entries: a replica's check", row["check, us"], own=True)
    for row in _table(readme, "revocation", "Asking the store each time"):
        bars += _bar(f"{row['store']}: a bare round trip", row["round trip"], own=False)
        bars += _bar(f"{row['store']}: a lookup", row["lookup"], own=True)
    return bars
