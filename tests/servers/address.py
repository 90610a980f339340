"""One address, behind which a server takes the place of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Address:
    """An address that leads to one server or another, as the name of a database does.

    A link in the file system, because clients connect to unix sockets here. Connections that are
    there stay where they are.

    Attributes:
        path: The link.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lead_to(self, target: Path) -> None:
        """Let new connections get there."""
        new = self.path.with_suffix(".new")
        new.symlink_to(target)
        new.replace(self.path)
