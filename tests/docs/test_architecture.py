"""docs/architecture.md and CONTRIBUTING.md name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, MODULES, layer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tokensession"
PAGES = {name: (ROOT / name).read_text() for name in ("docs/architecture.md", "CONTRIBUTING.md")}


def paths(text: str) -> set[str]:
    """Return the words in code style that name a file or a folder inside another."""
    words = {word for code in re.findall(r"`([^`\n]+)`", text) for word in code.split()}
    return {word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]+)+|\w+\.(py|md)", word)}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page: str) -> None:
    """A path is one of the package, or one of the repository."""
    named = paths(PAGES[page])
    assert len(named) > 5
    missing = {path for path in named if not ((PACKAGE / path).exists() or (ROOT / path).exists())}
    assert missing == set()


def test_the_table_lists_the_layers() -> None:
    """It names each folder and loose module once, in the order in which they may be imported."""
    listed = re.findall(r"^\| `(\w+)` \|", PAGES["docs/architecture.md"], re.MULTILINE)
    assert listed == [name for name in LAYERS if not name.startswith("__")]
    assert {layer(path) for path in MODULES} - set(listed) == {"__init__", "__main__"}


def test_the_page_is_a_page() -> None:
    """At most 100 lines, one sentence each."""
    assert len(PAGES["docs/architecture.md"].splitlines()) <= 100


def test_the_readme_links_both() -> None:
    """A reader finds them there."""
    readme = (ROOT / "README.md").read_text()
    assert all(f"]({page})" in readme for page in PAGES)
