"""The same requests over HTTP, from a socket to uvicorn in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from _measure.rounds import Task, repeated
from _measure.web import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from _measure.web import Site

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 10.0  # seconds for the first answer, and for any other


def server() -> str | None:
    """Return the name of what can serve here, or None: then there is nothing to measure."""
    try:
        uvicorn = version("uvicorn")
    except PackageNotFoundError:
        return None
    if "fork" not in multiprocessing.get_all_start_methods():
        return None
    return f"uvicorn {uvicorn}"


@contextmanager
def tasks(sites: Mapping[str, Site]) -> Iterator[list[Task]]:
    """Serve the sites until this is left, and give what is to be timed.

    Call it outside of an event loop.

    Args:
        sites: By the name of the folder under which each is served.
    """
    # Its protocol is named, as asyncio sends small packets at once only where it sees TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        listener.listen()
        # The child has the same sites, with their keys, which is why it is forked.
        child = multiprocessing.get_context("fork").Process(
            target=_serve, args=(sites, listener), daemon=True
        )
        child.start()
        address = listener.getsockname()
    try:
        with socket.create_connection(address, timeout=_PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = _Client(connection)
            yield [
                Task(kind, site.lane, repeated(client.ask, _request(f"/{name}{kind.path}", site)))
                for name, site in sites.items()
                for kind in Kind
            ]
    finally:
        child.terminate()
        child.join()


class _Client:
    """Asks over one connection that is kept, and reads no more of an answer than its end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def ask(self, request: bytes) -> None:
        """Send a request and wait for the last byte of its answer."""
        self._connection.sendall(request)
        answer = self._connection.recv(65536)
        while not answer.endswith(b"grace.hopper@example.com"):
            more = self._connection.recv(65536)
            if not more:
                raise ConnectionError("the server closed the connection")
            answer += more


def _request(path: str, site: Site) -> bytes:
    lines = [f"GET {path} HTTP/1.1".encode(), *(b"%b: %b" % pair for pair in site.headers)]
    return b"\r\n".join([*lines, b"", b""])


def _serve(sites: Mapping[str, Site], listener: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415  # an extra that a machine may not have

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Pass a request on to the site whose folder it is in."""
        name, _, path = scope["path"][1:].partition("/")
        scope["path"] = f"/{path}"
        await sites[name].app(scope, receive, send)

    config = uvicorn.Config(
        app, http="h11", loop="asyncio", lifespan="off", log_level="error", access_log=False
    )
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
