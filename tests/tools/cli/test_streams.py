"""Streams that are closed, broken or full: documented exit codes, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import NOW
from tokensession import KeyRing, encode
from tokensession.keys.rotation import Schedule
from tokensession.stores import connect
from tokensession.tools.cli import demos, main

ROOT = Path(__file__).parents[3]
DONE, REFUSED, WRONG, NOBODY_READS = 0, 1, 2, 141

# Each command with an output, what it reads, and its exit code when all is well.
COMMANDS = {
    "help": ("--help", DONE),
    "version": ("--version", DONE),
    "usage": ("keys bogus", WRONG),
    "new": ("keys new other.json", DONE),
    "list": ("keys list keys.json", DONE),
    "status": ("keys status keys.json", REFUSED),
    "check": ("keys check keys.json --refresh 60", REFUSED),
    "rotate": ("keys rotate keys.json", DONE),
    "revoke": ("keys revoke keys.json k1", DONE),
    "missing": ("keys list none.json", WRONG),
    "export": ("keys export-reader reader.json --output -", DONE),
    "encode": ("encode keys.json state", DONE),
    "decode": (f"decode keys.json token --now {NOW}", DONE),
    "refused": ("decode keys.json token --now 0", REFUSED),
    "inspect": ("inspect token", DONE),
    "count": ("revocations count --store sqlite:///r.db", DONE),
    "entries": ("revocations list --store sqlite:///r.db --json", DONE),
}
FULL = "/dev/full"
NULL = os.devnull
# What becomes of standard input, output and error (None: closed).
STREAMS = {
    "no input": (None, NULL, "errors"),
    "no output": (NULL, None, "errors"),
    "no errors": (NULL, NULL, None),
    "nothing": (None, None, None),
    "output is full": (NULL, FULL, "errors"),
    "errors are full": (NULL, NULL, FULL),
    "both are full": (NULL, FULL, FULL),
    "no reader": (NULL, "pipe", "errors"),
    "no reader of errors": (NULL, NULL, "pipe"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with what the commands read."""
    monkeypatch.chdir(tmp_path)
    ring = KeyRing.generate(kid="k1").with_schedule(Schedule(token_lifetime=1800))
    ring.add(nbf=0, now=0, propagation=0).save("keys.json")
    KeyRing.generate("Ed25519").save("reader.json")
    Path("token").write_text(encode({"a": 1}, ring, now=NOW))
    Path("state").write_text("{}")
    connect(f"sqlite:///{tmp_path}/r.db").create("revocations")
    return tmp_path


def broken_pipe() -> int:
    """Return a pipe that has no reader."""
    read, write = os.pipe()
    os.close(read)
    return write


def prepare(names: tuple[str | None, ...]) -> None:
    """Make the streams of this process, as a new interpreter finds them."""
    for descriptor in range(3):
        os.close(descriptor)
    for descriptor, name in enumerate(names):
        if name is not None:
            opened = (
                broken_pipe() if name == "pipe" else os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
            )
            os.dup2(opened, descriptor)
    for descriptor, name in enumerate(names):
        if name is None:
            with suppress(OSError):
                os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        None if name is None else open(descriptor, "w" if descriptor else "r")  # noqa: PTH123, SIM115
        for descriptor, name in enumerate(names)
    )


def flush_like_python() -> None:
    """Write what streams still hold, as the interpreter does when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def run(words: str, names: tuple[str | None, ...]) -> int:
    """Run the program in a child with these streams, and return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 98  # of an exception, which Python shows as a traceback and ends with 1
    try:
        prepare(names)
        done = main(words.split())
        flush_like_python()
        code = done
    finally:
        os._exit(code)


def expected(good: int, names: tuple[str | None, ...], *, prints: bool) -> int:
    """Return the documented exit code, where `good` is that of a command whose streams are well."""
    output = names[1]
    if output is None or (output == FULL and prints):
        return WRONG
    return NOBODY_READS if output == "pipe" and prints else good


@pytest.mark.skipif(not Path(FULL).exists(), reason="needs a device that is full")
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command(name: str, folder: Path) -> None:
    """Its exit code is the documented one; nothing is raised, and no key file holds its output."""
    words, good = COMMANDS[name]
    prints = name not in ("usage", "missing", "refused")
    for streams, names in STREAMS.items():
        code = run(words, names)
        assert code == expected(good, names, prints=prints), streams
        if Path("errors").exists():
            assert "Traceback" not in Path("errors").read_text()
        (folder / "other.json").unlink(missing_ok=True)
    KeyRing.open("keys.json", create=False)


def test_closed_input(folder: Path) -> None:
    """A command that reads standard input says that it is closed."""
    for words in ("encode keys.json", "decode keys.json", "inspect"):
        assert run(words, (None, NULL, "errors")) == WRONG
        assert "standard input is closed" in Path("errors").read_text()
        Path("errors").unlink()


def test_a_program(folder: Path) -> None:
    """The interpreter itself ends with the same codes."""
    for streams, code in ((">&-", WRONG), ("> /dev/full", WRONG), ("<&- 2>&-", REFUSED)):
        command = f'exec "$0" -m tokensession keys status keys.json {streams}'
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", command, sys.executable], cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False)


def test_a_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has an exit code of its own; its text may hold a secret, so only its place is shown."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError("hunter2")

    monkeypatch.setattr(demos, "show", fail)
    assert main(["tour"]) == 70
    assert "hunter2" not in (shown := capsys.readouterr().err)
    assert shown.startswith("tokensession: error: LookupError, a fault of this program at ")
