"""The reference is what the program writes from the docstrings, and leaves no public name out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import tokensession

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
COMMITTED = {path.name: path.read_text() for path in FOLDER.glob("*.md")}


@pytest.fixture(scope="module")
def reference() -> Any:
    """Give the program that writes the pages."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_what_the_program_writes(reference: Any) -> None:
    """The reference is what `python docs/reference.py` writes."""
    assert reference.pages(Path(tokensession.__file__).parent.parent) == COMMITTED


def test_every_name_that_a_document_imports_is_described() -> None:
    """The reference describes each name that the README and the guides import."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    imports = [
        (module.removeprefix("tokensession").lstrip("."), name)
        for document in documents
        for module, names in re.findall(
            r"^(?:>>> )?from (tokensession[\w.]*) import ([\w, ]+)",
            document.read_text(),
            re.MULTILINE,
        )
        for name in re.findall(r"\w+", names)
    ]
    assert len(imports) > 40
    pages = "\n".join(COMMITTED.values())
    headings = set(re.findall(r"^#+ `(.+)`$", pages, re.MULTILINE))
    headings |= set(re.findall(r"^## tokensession\.(.+)$", pages, re.MULTILINE))
    for module, name in imports:
        assert f"{module}.{name}".lstrip(".") in headings, (module, name)
    errors = [name for name in tokensession.__all__ if hasattr(tokensession.errors, name)]
    described = [*(f"errors.{name}" for name in errors), *set(tokensession.__all__) - {*errors}]
    assert set(described) <= headings


def test_links_lead_to_headings() -> None:
    """Every entry of the index names a page and a heading of it."""
    links = re.findall(r"\]\(([\w.]+)#(\w+)\)", COMMITTED["README.md"])
    assert len(links) > 60
    for page, anchor in links:
        headings = re.findall(r"^#+ `(.+)`$", COMMITTED[page], re.MULTILINE)
        assert anchor in {heading.lower().replace(".", "") for heading in headings}


def test_text_and_examples(reference: Any) -> None:
    """Examples and drawings are code; elsewhere nothing but ticks is markup."""
    text = "Up to 2**53 of ``__Host-`` __Host-x::\n\n    a tree\n\n>>> 1\n1"
    words, drawing, example = reference._text(text).split("\n\n")
    assert words == "Up to 2\\*\\*53 of `__Host-` \\__Host-x:"
    assert drawing == "```text\na tree\n```"
    assert example == "```python\n>>> 1\n1\n```"


def test_signatures_are_those_of_the_code(reference: Any) -> None:
    """Signatures have their defaults, a star before keyword-only ones, and lines when long."""
    text = COMMITTED["tokensession.md"]
    assert "class KeyRing(" in text
    assert "encode(\n    state: Any,\n    keys: KeyRing" in text
    assert "    *,\n" in text
