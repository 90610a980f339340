"""Memcached, by Debian's package."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from .process import Server, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Memcached(Server):
    """A memory that forgets when it is full or restarted.

    Args:
        options: Further options of its command line, such as ``("-m", "1")``.
    """

    unprivileged = True

    def __init__(self, options: Sequence[str] = ()) -> None:
        super().__init__()
        self._options = options

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.folder / "s"

    @property
    def url(self) -> str:
        """As `tokensession.stores.connect` reads it."""
        return f"memcached://{self.socket}"

    def prepare(self) -> None:
        """Let it make its socket as another user than root."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")

    def command(self) -> list[str]:
        """On a unix socket alone.

        Raises:
            FileNotFoundError: It is not installed.
        """
        found = shutil.which("memcached")
        if found is None:
            raise FileNotFoundError("memcached is missing; .ci/test installs it")
        return [found, "-s", str(self.socket), "-a", "0777", *self._options]

    def answers(self) -> bool:
        """By its version."""
        return ask(self.socket, b"version\r\n").startswith(b"VERSION")
