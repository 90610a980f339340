"""The table of docs/conformance.md: what each adapter is held to, and what a framework cannot do.

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


def cell(adapter: type[Conformance], group: type, test: str, reasons: list[str]) -> str:
    """Return what the table says of one test of one adapter; a new reason is added."""
    able = issubclass(adapter, group)
    mark = "✓" if able else "no"
    reason = adapter.notes.get(test) if able else adapter.unable[group.__name__]
    if reason is None:
        return mark
    if reason not in reasons:
        reasons.append(reason)
    return f"{mark} [{reasons.index(reason) + 1}]"


def document() -> str:
    """Return the whole document."""
    columns = adapters()
    reasons: list[str] = []
    lines = [
        "| behaviour | " + " | ".join(column.title for column in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for group in GROUPS:
        for test in rules_of(group):
            label = test.removeprefix("test_").replace("_", " ")
            count = f" ({_COUNTS[test]})" if test in _COUNTS else ""
            rule = (vars(group)[test].__doc__ or "").strip().splitlines()[0]
            cells = [cell(column, group, test, reasons) for column in columns]
            lines.append(f"| **{label}**{count}: {rule} | " + " | ".join(cells) + " |")
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([_INTRODUCTION, *lines, "", _NOTES, *notes, ""])


_INTRODUCTION = """# What every adapter does

Made by `python -m tests.adapters.table` from the suite in `tests/adapters/conformance.py`, which
every adapter inherits and passes over real HTTP; a test holds this page to it. "✓" means that the
adapter is held to it, "no" that the framework has no such thing. A number leads to the reason, or
to what is done in another way.
"""
_NOTES = "Reasons and other ways:\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
    sys.stdout.write(f"{DOCUMENT}\n")
