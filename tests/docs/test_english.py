"""The prose keeps the rules of CONTRIBUTING.md: short sentences, and actors with names."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean

import pytest

from tests.docs.pages import GUIDES, ROOT

MOST_WORDS = 20  # of a page's mean sentence
MOST_HIDDEN = 5  # in a folder's code; tests name a user of Unix that way
HERE = Path(__file__).name
BUDGETED = re.compile(
    r"\b(?:whoever|whatever|whomever|wherever|whichever|nobody|somebody|anybody|thereby|whereupon)\b",
    re.IGNORECASE,
)
HEADS = ("|", "#", "!", "<")
# Records of what was done, and the specification, whose wording is bound by the vectors.
UNMEASURED = {"SPEC.md"}
MEASURED = [name for name in GUIDES if name not in UNMEASURED]


def sentences(path: Path) -> list[int]:
    """Return the number of words of each sentence, without code, tables and headings."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(HEADS))
    text = re.sub(r"`[^`\n]*`", "code", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = re.split(r"[.!?:](?=\W)|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", f"{text}\n")
    return [count for part in parts if (count := len(re.findall(r"[\w'-]*\w", part)))]


@pytest.mark.parametrize("page", MEASURED)
def test_sentences_are_short(page: str) -> None:
    """The mean sentence of a page has at most 20 words."""
    counts = sentences(GUIDES[page])
    assert mean(counts or [0]) <= MOST_WORDS


@pytest.mark.parametrize(("text", "counts"), [
    ("# Not this\n\nOne two. Three: four five!\n\n| no | table |\n", [2, 1, 2]),
    ("A `b c d` e [f g](h.md).\n\n```\nnot this\n```\n- h\n- i j\n", [5, 1, 2]),
])  # fmt: skip
def test_how_words_are_counted(tmp_path: Path, text: str, counts: list[int]) -> None:
    """Code counts as one word, and a list item ends a sentence."""
    page = tmp_path / "page.md"
    page.write_text(text)
    assert sentences(page) == counts


@pytest.mark.parametrize("page", GUIDES)
def test_actors_have_names(page: str) -> None:
    """No page says who without naming it."""
    assert BUDGETED.findall(GUIDES[page].read_text()) == []


@pytest.mark.parametrize(
    "folder", [".ci", "benchmarks", "docs", "tests", "tokensession", "vectors"]
)
def test_the_code_names_its_actors(folder: str) -> None:
    """Comments and docstrings have few of the words that hide an actor."""
    sources = [path.read_text() for path in ROOT.glob(f"{folder}/**/*.py") if path.name != HERE]
    assert sources
    assert sum(len(BUDGETED.findall(source)) for source in sources) <= MOST_HIDDEN
