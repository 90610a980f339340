"""The documents, and what stands in them."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from tokensession.tools.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
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


@contextmanager
def started(line: str, folder: Path) -> Iterator[httpx.Client]:
    """Start an application by the line of a page, on a port of its own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    program, *arguments = shlex.split(line)
    if program == "gunicorn":
        arguments += ["--bind", f"127.0.0.1:{port}"]
    elif "runserver" in arguments:
        arguments.append(port)
    elif program == "python":  # whose port stands in the program
        file = folder / arguments[0]
        assert file.read_text().count("8000") == 1
        file.write_text(file.read_text().replace("8000", port))
    else:
        arguments += ["--port", port]
    with subprocess.Popen(  # noqa: S603  # our own text
        [BIN / program, *arguments], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                while process.poll() is None:
                    try:
                        client.get("/nothing")
                        break
                    except httpx.ConnectError:
                        time.sleep(0.05)
                yield client
        finally:
            process.terminate()


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
