"""Servers with several workers each, on a port of the loopback interface."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tests.servers.process import Server, free_port

ROOT = Path(__file__).parents[3]
HOST = "127.0.0.1"

_GUNICORN = ["-m", "gunicorn", "--bind", "{address}", "--workers", "{workers}",
             "--log-level", "error", "--keep-alive", "60", "--graceful-timeout", "5",
             "--no-control-socket"]  # fmt: skip
# Each is a command of this interpreter. With --preload the application, its watcher and its
# replica are made before the fork; the workers' threads start after it.
KINDS: dict[str, list[str]] = {
    "uvicorn": ["-m", "tests.trials.load.serve", "{port}", "{workers}"],
    "gunicorn, WSGI in threads": [*_GUNICORN, "--worker-class", "gthread", "--threads", "4",
                                  "--preload", "tests.trials.load.app:wsgi()"],
    "gunicorn with uvicorn workers": [*_GUNICORN, "--worker-class",
                                      "uvicorn_worker.UvicornWorker",
                                      "tests.trials.load.app:asgi()"],
}  # fmt: skip


class Fleet(Server):
    """A server and its workers.

    Args:
        kind: One of `KINDS`.
        workers: How many.
        settings: What the application reads from its environment.
    """

    def __init__(self, kind: str, workers: int, settings: dict[str, str]) -> None:
        super().__init__()
        self.workers = workers
        self.port = free_port()
        self._kind = kind
        self._settings = settings

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        """Return the server's command."""
        values = {
            "address": f"{HOST}:{self.port}",
            "port": str(self.port),
            "workers": str(self.workers),
        }
        return [sys.executable, *(part.format(**values) for part in KINDS[self._kind])]

    def environment(self) -> dict[str, str]:
        """Return the settings, and where the tests are imported from."""
        return {**self._settings, "PYTHONPATH": str(ROOT)}

    def answers(self) -> bool:
        """Tell whether a worker answers."""
        with socket.create_connection((HOST, self.port), timeout=5) as connection:
            connection.sendall(b"GET /bare HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
