# ruff: noqa: INP001 - Sphinx reads this file by its place
"""Makes the site of the documentation from the Markdown that GitHub shows too.

Usage: `.ci/docs [FOLDER]`

The source folder is the repository, so links between pages are the same in both places.
docs/README.md is the table of contents: each of its headings is a part of the navigation.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = "tokensession"
release = version = PROJECT["version"]
author = PROJECT["authors"][0]["name"]
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/**/*.md",
    "benchmarks/README.md",
    "interop/README.md",
    "vectors/README.md",
    "tests/trials/attacks/README.md",
]
exclude_patterns = ["**/node_modules", ".venv"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # Pygments does not know each language
html_theme = "furo"
html_title = f"tokensession {release}"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Let Sphinx call what is below."""
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _add_front_page)


def _add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    """Append the navigation to an index: a list of the pages to which it links."""
    if name == root_doc:
        parts = (ROOT / "docs" / "README.md").read_text().split("\n## ")[1:]
        for part in ["All pages\n](README.md)", *parts]:
            title, links = part.split("\n", 1)
            source[0] += _contents(ROOT / "docs", title, links)
    elif name in {"docs/frameworks/README", "docs/reference/README"}:
        source[0] += _contents((ROOT / name).parent, "", source[0])


def _contents(folder: Path, title: str, links: str) -> str:
    """Return a hidden list of the pages to which links lead."""
    pages = dict.fromkeys(
        str((folder / page).resolve().relative_to(ROOT))
        for page in re.findall(r"\]\(([^)#:]+)\.md", links)
    )
    if not title:  # of a folder, which holds its own pages alone
        own = folder.relative_to(ROOT)
        pages = {p: None for p in pages if Path(p).parent == own and Path(p).name != "README"}
    caption = [f":caption: {title}"] if title else []
    entries = [f"/{page}" for page in pages]
    return "\n".join(["\n", "```{toctree}", ":hidden:", *caption, "", *entries, "```", ""])


def _add_front_page(app: Sphinx, error: Exception | None) -> None:
    """Send a reader of the site's address to the README."""
    if error is None and app.builder.format == "html":
        line = '<!doctype html><meta http-equiv="refresh" content="0; url=README.html">\n'
        (Path(app.outdir) / "index.html").write_text(line)
