"""Serving the application on this machine: a key ring in a temporary folder, a socket, uvicorn."""

from __future__ import annotations

import signal
import socket
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import uvicorn

from tokensession.keys.file_source import FileSource
from tokensession.keys.source import create
from tokensession.tools.demo.app import make_app
from tokensession.tools.demo.bench import Bench, first_ring

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 1  # seconds that requests have to end in


def serve(port: int, say: Callable[[str], object]) -> None:
    """Serve the page until the process is told to end."""
    with socket.create_server((HOST, port)) as listener, temporary_bench() as bench:
        say(f"tokensession demo: http://{HOST}:{listener.getsockname()[1]}/ (Ctrl-C ends it)")
        with _terminated_like_interrupted():
            server_of(bench).run(sockets=[listener])


@contextmanager
def temporary_bench() -> Generator[Bench]:
    """Yield a bench whose ring is in a new key file; the file is gone afterwards."""
    with TemporaryDirectory(prefix="tokensession-") as folder:
        source = FileSource(Path(folder) / "session-keys.json")
        create(source, first_ring())
        bench = Bench(source)
        with bench.keys:
            yield bench


def server_of(bench: Bench) -> uvicorn.Server:
    """Return the server of the application, without an access log: it would hold nothing new."""
    config = uvicorn.Config(
        make_app(bench),
        access_log=False,
        lifespan="off",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
        ws="none",
    )
    return uvicorn.Server(config)


@contextmanager
def _terminated_like_interrupted() -> Generator[None]:
    """Let SIGTERM end things as Ctrl-C does, so that the temporary folder goes."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
