"""Commands that take longer than a second give a sign of life on a terminal."""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tokensession.tools.cli import main, program, progress
from tokensession.tools.cli.progress import Progress, at_work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60


class Terminal(io.StringIO):
    """Standard error on a terminal, which tells when a line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True

    def write(self, text: str) -> int:
        """Write, and tell."""
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Give a terminal on which a sign is due at once."""
    monkeypatch.setattr(progress, "FIRST", 0.0)
    return Terminal()


def test_a_sign_is_a_note(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign of progress begins like a note, so it does not look like an error."""
    monkeypatch.setattr(sys, "stderr", terminal)
    with at_work():
        assert terminal.written.wait(PATIENCE)
    (line,) = terminal.getvalue().splitlines()
    assert line == "tokensession: note: still at work after 0s"


def test_it_says_how_much_is_done() -> None:
    """The sign says how much is done, and how long that took."""
    work = Progress()
    work.things = "entries read"
    assert work.words(61.2) == "still at work after 1m1s"
    work.count = 7
    assert work.words(61.2) == "still at work after 1m1s, 7 entries read"


def test_it_stops_with_the_work(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sign stops with the work, also if that fails, and leaves no thread."""
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyError), at_work():
        raise KeyError
    names = [thread.name for thread in threading.enumerate()]
    assert "tokensession-progress" not in names


def test_quick_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends before the first sign is due."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "FIRST", PATIENCE)
    with at_work():
        pass
    assert made.getvalue() == ""


def test_a_log_gets_no_signs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that collects errors would mail them."""
    monkeypatch.setattr(progress, "FIRST", 0.0)
    with at_work():
        assert not [t for t in threading.enumerate() if t.name == "tokensession-progress"]
    assert capsys.readouterr().err == ""


def test_the_vectors_count_their_cases(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that counts shows its count."""

    def waiting(_: Path) -> Iterator[object]:
        assert terminal.written.wait(PATIENCE)
        return iter(())

    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(program, "run", waiting)
    assert main(["vectors", "run", str(tmp_path)]) == 0
    assert "still at work" in terminal.getvalue()
