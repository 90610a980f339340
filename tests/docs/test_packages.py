"""docs/packages.md shows the lines of the tested applications, and the suites' explained failures.

`python -m tests.docs.test_packages` writes the tables of failures anew.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.trials.suites.__main__ import PEERS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "packages.md"
SHOWN = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
TABLE = re.compile(r"(<!-- suite: (\w+) -->\n\n)(?:\|.*\n)*")


def table(suite: str) -> str:
    """Return a suite's explained failures as a table."""
    return str(importlib.import_module(f"tests.trials.suites.{suite}").SUITE.table())


def with_tables(page: str) -> str:
    """Return the page with the tables that the suites' modules give."""
    return TABLE.sub(lambda found: found[1] + table(found[2]), page)


@pytest.mark.parametrize("lines", SHOWN)
def test_the_lines_are_those_of_an_application(lines: str) -> None:
    """A reader copies what the stories have run."""
    applications = (ROOT / "tests" / "ecosystem" / "apps").rglob("*.py")
    assert any(lines in application.read_text() for application in applications)


def test_each_explained_failure_stands_in_a_table() -> None:
    """The page has a table of each suite with explained failures, and it is current."""
    page = PAGE.read_text()
    assert page == with_tables(page)
    explained = [name for name in PEERS if "|---|---|\n|" in table(name)]
    assert sorted(name for _, name in TABLE.findall(page)) == explained


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
