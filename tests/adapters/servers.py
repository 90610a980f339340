"""Real servers on real sockets, and a client that shows headers as they are."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import logging
import queue
import socket
import threading
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx
import uvicorn
from aiohttp import web
from tornado.httpserver import HTTPServer

from tokensession import TokenSessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aiohttp.typedefs import Handler
    from tornado.web import Application

    from tokensession.adapters.asgi import App, Receive, Scope, Send

PATIENCE = 60  # seconds until a server that hangs is a failure; no test waits for it to pass


class Site:
    """A running server, and what went wrong in it.

    Attributes:
        url: Where it listens, such as ``http://127.0.0.1:41234``.
        until_closed: The cookies that browsers forget when they close: without a Max-Age.
    """

    def __init__(
        self, url: str, client: httpx.Client, *, until_closed: tuple[str, ...] = ()
    ) -> None:
        self.url = url
        self._until_closed = until_closed
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
        response = self._client.request(method, self.url + path, headers=lines)
        response.extensions["until_closed"] = self._until_closed
        return response

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


def _client() -> httpx.Client:
    # A connection for each request: one that the server closes after an error is not used again.
    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=PATIENCE)


@contextlib.contextmanager
def serve_asgi(
    app: App, *, host: str = "127.0.0.1", until_closed: tuple[str, ...] = ()
) -> Iterator[Site]:
    """Serve an ASGI application by uvicorn, on a port that the system chooses."""
    with _listen(host) as listener, _client() as client:
        port = listener.getsockname()[1]
        site = Site(f"http://{host}:{port}", client, until_closed=until_closed)

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


class _WSGIServer(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    request_queue_size = 32

    def server_bind(self) -> None:
        """Bind without asking a name server for this host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()
        self.setup_environ()


class _WSGIHandler(WSGIRequestHandler):
    """Logs nothing: failures are noted, and requests are the tests' own."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base has it
        """Log nothing."""

    def get_stderr(self) -> TextIO:
        """Give a stream that no reader drains."""
        return io.StringIO()


@contextlib.contextmanager
def serve_wsgi(
    app: Callable[..., Iterable[bytes]], *, until_closed: tuple[str, ...] = ()
) -> Iterator[Site]:
    """Serve a WSGI application by wsgiref, on a port that the system chooses."""

    @contextlib.contextmanager
    def noting(environ: dict[str, Any]) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            query = environ["QUERY_STRING"]
            site.failed(environ["PATH_INFO"] + (f"?{query}" if query else ""), error)
            raise

    class Body:
        def __init__(self, environ: dict[str, Any], chunks: Iterable[bytes]) -> None:
            self.environ = environ
            self.chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            with noting(self.environ):
                yield from self.chunks

        def close(self) -> None:
            close = getattr(self.chunks, "close", None)
            with noting(self.environ):
                if close is not None:
                    close()

    def watched(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
        with noting(environ):
            return Body(environ, app(environ, start_response))

    # The standard library takes lines of 64 kB, name and all; the suite's are a little longer.
    longest, http.client._MAXLINE = http.client._MAXLINE, 1 << 20  # type: ignore[attr-defined]
    with _WSGIServer(("127.0.0.1", 0), _WSGIHandler) as server, _client() as client:
        server.set_app(watched)
        site = Site(f"http://127.0.0.1:{server.server_port}", client, until_closed=until_closed)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join(PATIENCE)
            http.client._MAXLINE = longest  # type: ignore[attr-defined]


@contextlib.contextmanager
def serve_aiohttp(make_app: Callable[[], web.Application]) -> Iterator[Site]:
    """Serve an aiohttp application by its own runner, on a port that the system chooses.

    Args:
        make_app: Makes it, in the thread in which it runs.
    """
    loop = asyncio.new_event_loop()
    with _listen("127.0.0.1") as listener, _client() as client:
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", client)

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except web.HTTPException:
                raise
            except BaseException as error:
                site.failed(request.path_qs, error)
                raise

        async def start() -> web.AppRunner:
            app = make_app()
            app.middlewares.insert(0, watch)
            runner = web.AppRunner(
                app, access_log=None, max_line_size=1 << 20, max_field_size=1 << 20
            )
            await runner.setup()
            await web.SockSite(runner, listener).start()
            return runner

        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE)
        try:
            yield site
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()


class _Noting(logging.Handler):
    """Notes what left the handlers of a Tornado application, by what Tornado logs."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def emit(self, record: logging.LogRecord) -> None:
        """Note an uncaught error."""
        error = (record.exc_info or (None, None))[1]
        if error is not None and record.args and isinstance(record.args, tuple):
            _, path, *_ = str(record.args[0]).split()  # such as "GET /path (127.0.0.1)"
            self._site.failed(path, error)


@contextlib.contextmanager
def serve_tornado(app: Application) -> Iterator[Site]:
    """Serve a Tornado application by its own server, on a port that the system chooses."""
    loop = asyncio.new_event_loop()
    log = logging.getLogger("tornado.application")
    with _listen("127.0.0.1") as listener, _client() as client:
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", client)
        noting = _Noting(site)
        log.addHandler(noting)
        listener.listen()
        listener.setblocking(False)

        async def start() -> HTTPServer:
            server = HTTPServer(app, max_header_size=1 << 20)
            server.add_socket(listener)
            return server

        async def stop(server: HTTPServer) -> None:
            server.stop()
            await server.close_all_connections()

        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE)
        try:
            yield site
        finally:
            asyncio.run_coroutine_threadsafe(stop(server), loop).result(PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()
            log.removeHandler(noting)
