"""Codecs of Node, in a process of their own that takes its turns when it is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from _measure.rounds import Task

if TYPE_CHECKING:
    from tokensession import KeyRing

FOLDER: Final = Path(__file__).resolve().parent.parent / "node"
OURS: Final = FOLDER.parent.parent / "interop" / "node"
OPERATIONS: Final = ("encode", "decode")
TTL: Final = 1800


class NoNode(Exception):  # noqa: N818  # a state of affairs
    """There is nothing to measure; the text is a sentence that says why."""


@dataclass(frozen=True)
class Row:
    """A codec of Node.

    Attributes:
        name: What the tables call it.
        token: A token that it wrote.
    """

    name: str
    token: str


class NodePeers:
    """The process, as long as this is entered.

    Args:
        state: What is encoded, made of what JSON has.
        ring: Whose tokens the package in interop/node reads and writes.

    Attributes:
        rows: The codecs that it has.
        missing: Those that it could not load, with the code of the error.
        versions: Of Node, its OpenSSL and the packages.

    Raises:
        NoNode: Node is not there, or what the process needs.
    """

    def __init__(self, state: dict[str, Any], ring: KeyRing) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            [_program("node"), FOLDER / "peers.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        keys = ring.to_jwks(private=True)
        found = self._ask({"setup": {"state": state, "keys": keys, "ttl": TTL}})
        self.rows = [Row(**row) for row in found["rows"]]
        self.missing: dict[str, str] = found["missing"]
        self.versions: dict[str, str] = found["versions"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tasks(self, group: str) -> list[Task]:
        """Return both operations of each codec."""
        return [
            Task(
                f"{group} {operation}",
                row.name,
                _unused,
                elsewhere=partial(self._turn, row.name, operation),
            )
            for row in self.rows
            for operation in OPERATIONS
        ]

    def _turn(self, name: str, operation: str, calls: int) -> float:
        taken: float = self._ask({"turn": [name, operation, calls]})
        return taken

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.__exit__()
            raise NoNode("Left out: the Node process ended; the reason is above.") from None


def install() -> None:
    """Install the packages of both folders, where they are not.

    Raises:
        NoNode: Node or npm is not there, or npm cannot install.
    """
    _program("node")
    npm = _program("npm")
    for folder in (OURS, FOLDER):
        lock, done = folder / "package-lock.json", folder / "node_modules" / ".installed"
        if done.exists() and done.read_bytes() == lock.read_bytes():
            continue
        command = [npm, "ci", "--silent", "--no-fund", "--no-audit"]
        if subprocess.run(command, cwd=folder, check=False).returncode:  # noqa: S603  # our own
            raise NoNode("Left out: npm could not install the packages.")
        done.write_bytes(lock.read_bytes())


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NoNode(f"Left out: {name} is not installed.")
    return found


def _unused(_calls: int) -> Any:
    raise AssertionError("these tasks are timed elsewhere")
