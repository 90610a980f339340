"""Four uvicorn processes on sockets of their own, and a browser that hops between them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[3]
WORKERS = 4
PATIENCE = 60
COOKIE = "__Host-session"


class Worker:
    """One uvicorn process."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self._socket = path
        command = [sys.executable, "-m", "uvicorn", "tests.trials.deploy.app:make", "--factory",
                   "--uds", str(path), "--log-level", "error"]  # fmt: skip
        # Ends with us, however that happens.
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            ["setpriv", "--pdeathsig=TERM", *command],  # noqa: S607
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)),
            base_url="http://fleet",
            timeout=PATIENCE,
        )

    def wait(self) -> None:
        """Return when it serves."""
        deadline = monotonic() + PATIENCE
        while not self._listens():
            assert self.process.poll() is None, "the worker has ended"
            assert monotonic() < deadline, "the worker did not start"
            sleep(0.02)
        self.get("/")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def get(self, path: str, cookie: str | None = None) -> tuple[Any, str | None]:
        """Return what was answered, and the cookie that the answer sets."""
        headers = {} if cookie is None else {"cookie": f"{COOKIE}={cookie}"}
        self._client.cookies.clear()
        response = self._client.get(path, headers=headers)
        response.raise_for_status()
        set_cookie = response.headers.get("set-cookie", "")
        name, _, value = set_cookie.partition(";")[0].partition("=")
        return response.json(), value if name == COOKIE else None

    def stop(self) -> None:
        """End it, as a deploy does."""
        self._client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._socket.unlink(missing_ok=True)


class Fleet:
    """Workers over one source.

    Args:
        source: Its URL.
        refresh: Seconds between two polls.
        lifetime: Seconds of a session's idle timeout.
    """

    def __init__(self, source: str, *, refresh: float, lifetime: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ts-"))  # short: a socket's path is
        self._environment = {
            "TEST_SOURCE": source, "TEST_REFRESH": str(refresh), "TEST_LIFETIME": str(lifetime),
        }  # fmt: skip
        self._started = 0
        self.workers: list[Worker] = []

    def start(self) -> Worker:
        """Start one more."""
        self._started += 1
        return Worker(self._folder / f"{self._started}", self._environment)

    def replace(self, index: int) -> None:
        """Deploy a worker anew: its successor serves before it ends."""
        successor = self.start()
        successor.wait()
        self.workers[index].stop()
        self.workers[index] = successor

    def __enter__(self) -> Self:
        """Start all."""
        self.workers = [self.start() for _ in range(WORKERS)]
        for worker in self.workers:
            worker.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all."""
        for worker in self.workers:
            worker.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
