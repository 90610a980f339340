"""Links lead to files and headings that are there, and every page can be found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path


def prose(path: Path) -> str:
    """Return a page without its code."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path: Path) -> set[str]:
    """Return what the headings of a page are linked by, as GitHub spells it."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", words).lower().strip().replace(" ", "-") for words in headings}


def links(path: Path) -> list[tuple[Path, str]]:
    """Return the files and anchors to which a page leads."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(path))
    return [
        ((path.parent / target).resolve() if target else path, anchor)
        for target, anchor in found
        if not re.match(r"[a-z]+:", target)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A link names a file of the repository and, behind `#`, a heading of it."""
    for target, anchor in links(PAGES[page]):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), (target, anchor)


def test_every_page_is_listed() -> None:
    """docs/README.md leads to each page, by itself or by the index of a folder."""
    listed = {ROOT / "README.md"}
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in listed:
            continue
        listed.add(page)
        if page.name == "README.md":
            waiting += [target for target, _ in links(page) if target.suffix == ".md"]
    assert set(PAGES.values()) - listed == set()
