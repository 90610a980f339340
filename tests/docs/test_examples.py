"""Every example of every page runs, or stands in a test of its own."""

from __future__ import annotations

import ast
import doctest
import re
import shlex
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import GUIDES, PAGES, blocks, commands, run
from tokensession.tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path

# Their examples need a server or follow on each other; tests of their own run them.
ELSEWHERE = {"docs/rotation.md"}
WITH_DIALOGUES = [
    name for name, path in PAGES.items() if ">>> " in path.read_text() and name not in ELSEWHERE
]
# Tests of their own run the commands of these pages, with what they need.
COMMANDS_ELSEWHERE = {"docs/rotation.md", "docs/operations.md", "docs/tutorial.md"}
WITH_COMMANDS = [
    name
    for name, path in GUIDES.items()
    if any("tokensession " in line for line in commands(path.read_text()))
    and name.startswith(("docs/", "README"))
    and name not in COMMANDS_ELSEWHERE
]


@pytest.mark.parametrize("page", WITH_DIALOGUES)
def test_every_dialogue_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each dialogue of a page prints what it shows, in the order of the page."""
    if page.startswith("docs/reference/"):
        pytest.skip("the doctests of the modules run these")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESSION_KEYS", "")
    results = doctest.testfile(
        str(PAGES[page]), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("page", sorted({*GUIDES} - {"docs/packages.md"}))
def test_every_program_is_python(page: str) -> None:
    """Each block of Python is a dialogue or compiles.

    Those of the packages are lines of applications, which tests/ecosystem runs.
    """
    for block in blocks(GUIDES[page].read_text(), "python"):
        body = indent(dedent(block), " ")  # a fragment can be the inside of a function
        assert block.startswith(">>> ") or ast.parse(f"async def fragment():\n{body}")


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a page succeed in their order, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for command in commands(PAGES[page].read_text()):
        assert run(command) == 0, command


def mentioned() -> list[tuple[str, list[str]]]:
    """Return each command of the documents, with the page, as its words."""
    found = []
    for name, path in PAGES.items():
        text = path.read_text()
        lines = [*commands(text), *re.findall(r"`(tokensession [^`\n]+)`", text)]
        for line in lines:
            for match in re.finditer(r"\btokensession ([^|>#;)]+)", line):
                try:
                    words = shlex.split(match.group(1))
                except ValueError:  # a quote of the shell around it
                    words = match.group(1).split()
                found.append((name, words))
    return found


def test_commands_and_options_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """A document names no command and no option that `--help` does not list."""
    assert main(["--help"]) == 0
    helps: dict[tuple[str, ...], str] = {(): capsys.readouterr().out}
    named = mentioned()
    assert len(named) > 50
    for page, words in named:
        path: list[str] = []
        for word in words:
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            key = (*path, word)
            if key not in helps and main([*key, "--help"]) == 0:
                text = capsys.readouterr().out
                if text.startswith(f"usage: tokensession {' '.join(key)}"):
                    helps[key] = text
            capsys.readouterr()
            if key not in helps:
                break
            path.append(word)
        options = [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]
        known = helps[tuple(path)]
        missing = [option for option in options if option not in re.findall(r"--[a-z-]+", known)]
        assert not missing, (page, words)
        assert path or words[0].startswith("-") or words[0] == "COMMAND", (page, words)
