"""The documents, and what stands in them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from tokensession.tools.cli import main

ROOT: Final = Path(__file__).parents[2]
# What the site shows. The root's pages come first.
PAGES: Final = {
    str(path.relative_to(ROOT)): path
    for path in [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *(ROOT / name / "README.md" for name in ("benchmarks", "interop", "vectors")),
        ROOT / "tests" / "trials" / "attacks" / "README.md",
    ]
}
GUIDES: Final = {
    name: path for name, path in PAGES.items() if not name.startswith("docs/reference/")
}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """Return the commands of the console blocks, in order, as a shell takes them."""
    lines = "".join(blocks(text, "console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def run(command: str) -> int:
    """Run a command in the current folder, and return its exit code.

    What needs no shell runs in this process, which takes a tenth of the time.
    """
    words = shlex.split(command, comments=True)
    if words[0] == "tokensession" and not re.search("[|<>$]", shlex.join(words).replace("'", "")):
        return main(words[1:])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603  # our own text
        ["/bin/sh", "-c", command], env={**os.environ, "PATH": path}, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    return done.returncode


def patched(settings: str, diff: str) -> str:
    """Return settings after a diff whose other lines say where its own belong."""
    lines = settings.splitlines()
    at = 0
    imports = [line for line in lines if line.startswith("from pathlib")]
    assert imports
    for line in diff.splitlines():
        mark, text = line[0], line[1:]
        if mark == " ":
            at = lines.index(text, at) + 1
        elif mark == "-":
            at = lines.index(text, at)
            del lines[at]
        elif "import" in text:
            lines.insert(lines.index(imports[0]), text)
        elif text.startswith((" ", ")")):
            lines.insert(at, text)
            at += 1
        else:
            lines.append(text)
    return "\n".join(lines) + "\n"
