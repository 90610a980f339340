"""PgBouncer by Debian's package: a pooler in transaction mode in front of a PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from .process import Server, free_port

if TYPE_CHECKING:
    from .postgres import Postgres

_BINARY = Path("/usr/sbin/pgbouncer")


class PgBouncer(Server):
    """A pooler that gives each transaction another session, of few.

    Args:
        server: The PostgreSQL behind it.
        sessions: How many it opens there.
    """

    unprivileged = True

    def __init__(self, server: Postgres, *, sessions: int = 2) -> None:
        super().__init__()
        self.port = free_port()
        self._server = server
        self._sessions = sessions

    @property
    def url(self) -> str:
        """As an application writes it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Write its settings.

        Raises:
            FileNotFoundError: It is not installed.
        """
        if not _BINARY.exists():
            raise FileNotFoundError("pgbouncer is missing; .ci/test installs it")
        (self.folder / "users").write_text('"postgres" ""\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"""[databases]
postgres = host={self._server.folder} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {self.folder}/users
pool_mode = transaction
default_pool_size = {self._sessions}
max_client_conn = 200
"""
        )
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")

    def command(self) -> list[str]:
        """On a port of 127.0.0.1."""
        return [str(_BINARY), str(self.folder / "pgbouncer.ini")]

    def answers(self) -> bool:
        """It accepts connections."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
