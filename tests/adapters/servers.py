"""Real servers on real sockets, and a client that shows headers as they are."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import uvicorn

from tokensession import TokenSessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.adapters.asgi import App, Receive, Scope, Send

PATIENCE = 60  # seconds until a server that hangs is a failure; no test waits for it to pass


class Site:
    """A running server, and what went wrong in it.

    Attributes:
        url: Where it listens, such as ``http://127.0.0.1:41234``.
    """

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self._client = client
        self._failures: queue.Queue[tuple[str, BaseException]] = queue.Queue()

    def get(
        self,
        path: str,
        *cookies: str | bytes,
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> httpx.Response:
        """Send a request; each of `cookies` is a Cookie header, sent as it stands.

        By hand, because Python's clients do not send Secure cookies to http.
        """
        lines = [(name.encode(), value.encode()) for name, value in headers]
        lines += [(b"Cookie", c.encode() if isinstance(c, str) else c) for c in cookies]
        self._client.cookies.clear()
        return self._client.request(method, self.url + path, headers=lines)

    def failed(self, path: str, error: BaseException) -> None:
        """Note what left the application for a request."""
        self._failures.put((path, error))

    def failure(self, path: str) -> BaseException:
        """Return what left the application for a request to `path`.

        Some frameworks raise an error of their own from ours; then ours is meant.
        """
        while True:
            at, error = self._failures.get(timeout=PATIENCE)
            if at == path:
                break
        while not isinstance(error, TokenSessionError) and error.__cause__ is not None:
            error = error.__cause__
        return error


class _Server(uvicorn.Server):
    """Tells when it listens."""

    ready: threading.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self.ready.set()


def _listen(host: str) -> socket.socket:
    # With the protocol named: asyncio sends small writes at once only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((host, 0))
    return listener


@contextlib.contextmanager
def serve_asgi(app: App, *, host: str = "127.0.0.1") -> Iterator[Site]:
    """Serve an ASGI application by uvicorn, on a port that the system chooses."""
    # A connection for each request: one that the server closes after an error is not used again.
    limits = httpx.Limits(max_keepalive_connections=0)
    with _listen(host) as listener, httpx.Client(limits=limits, timeout=PATIENCE) as client:
        port = listener.getsockname()[1]
        site = Site(f"http://{host}:{port}", client)

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except BaseException as error:
                query = scope.get("query_string", b"").decode()
                site.failed(scope.get("path", "") + (f"?{query}" if query else ""), error)
                raise

        config = uvicorn.Config(
            watched,
            http="h11",
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            h11_max_incomplete_event_size=1_000_000,
        )
        server = _Server(config)
        server.ready = threading.Event()
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        if not server.ready.wait(PATIENCE):
            raise TimeoutError("uvicorn did not start")
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
