"""docs/conformance.md: what every adapter is held to, and what a framework cannot do.

Usage: ``python -m tests.adapters.table`` writes it anew.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from . import conformance
from .conformance import OPERATIONS, STARTS, Conformance
from .foreign import FOREIGN

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parent.parent / "docs" / "conformance.md"
GROUPS = (
    conformance.Conformance,
    conformance.Revocation,
    conformance.Overflowing,
    conformance.RaisesFailures,
    conformance.BackgroundTasks,
    conformance.WebSockets,
)
_COUNTS = {
    "test_operation": f"{len(OPERATIONS)} operations on {len(STARTS)} kinds of session",
    "test_foreign_cookies": f"{len(FOREIGN)} cookies",
}


def adapters() -> list[type[Conformance]]:
    """Return the test class of each adapter, in the order of the files."""
    found = []
    for file in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{file.stem}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Conformance)
            and value.__module__ == module.__name__
        ]
    return found


def rules_of(group: type) -> list[str]:
    """Return the tests of a group, in order."""
    return [name for name in vars(group) if name.startswith("test_")]


def rule(group: type, test: str) -> str:
    """Return what the page says of one test: its name, how often it runs, and its rule."""
    count = f" ({_COUNTS[test]})" if test in _COUNTS else ""
    words = (vars(group)[test].__doc__ or "").strip().splitlines()[0]
    return f"**{_label(test)}**{count}: {words}"


def _label(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def _together(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return, by the first of each pair, the second ones."""
    found: dict[str, list[str]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return found


def document() -> str:
    """Return the whole document."""
    columns = adapters()
    lines = [_INTRODUCTION.format(adapters=", ".join(column.title for column in columns))]
    for group in GROUPS:
        lines += [f"### {_TITLES[group.__name__]}", ""]
        lines += [f"- {rule(group, test)}" for test in rules_of(group)]
        lines.append("")
    lines += [_OWN_WAYS, "| rule | adapters | what they do |", "|---|---|---|"]
    ways = [
        (f"{_label(test)} | {{}} | {column.notes[test]}", column.title)
        for group in GROUPS
        for test in rules_of(group)
        for column in columns
        if issubclass(column, group) and test in column.notes
    ]
    lines += [f"| {row.format(', '.join(names))} |" for row, names in _together(ways).items()]
    lines += ["", _UNABLE, "| rules | adapters | reason |", "|---|---|---|"]
    missing = [
        (f"{_TITLES[group]} | {{}} | {reason}", column.title)
        for column in columns
        for group, reason in column.unable.items()
    ]
    lines += [f"| {row.format(', '.join(names))} |" for row, names in _together(missing).items()]
    return "\n".join([*lines, ""])


_TITLES = {
    "Conformance": "Sessions",
    "Revocation": "With a revocation list",
    "Overflowing": "With an overflow store",
    "RaisesFailures": "Errors",
    "BackgroundTasks": "Background tasks",
    "WebSockets": "WebSockets",
}
_INTRODUCTION = """# Conformance

Every adapter passes one suite over real HTTP: `tests/adapters/conformance.py`.
`python -m tests.adapters.table` writes this page from it, and a test compares them.
These adapters pass it: {adapters}.

## Rules
"""
_OWN_WAYS = """## What a framework does in its own way
"""
_UNABLE = """## What a framework does not have
"""


if __name__ == "__main__":
    DOCUMENT.write_text(document())
    sys.stdout.write(f"{DOCUMENT}\n")
