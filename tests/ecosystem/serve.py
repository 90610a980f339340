"""Serves an application on a free port of 127.0.0.1, and prints the port.

Usage: `python serve.py aiohttp|asgi|wsgi MODULE`, where MODULE has an `app`.

Uses uvicorn for ASGI, aiohttp's own server, and for WSGI wsgiref with a thread for each request.
"""

from __future__ import annotations

import importlib
import socket
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main(kind: str, module: str) -> None:
    """Serve `app` of `module` until the process is ended."""
    app = importlib.import_module(module).app
    if kind == "wsgi":
        with make_server("127.0.0.1", 0, app, server_class=_Threads) as threads:
            print(threads.server_port, flush=True)
            threads.serve_forever()
        return
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        if kind == "aiohttp":
            from aiohttp import web  # noqa: PLC0415 - only in environments that have it

            web.run_app(app, sock=listening, print=None)
        else:
            import uvicorn  # noqa: PLC0415 - likewise

            server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
            server.run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
