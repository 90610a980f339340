"""What the servers serve: the same small answers with sessions and without, over ASGI and WSGI."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tokensession import Policy, SessionCodec, SessionManager
from tokensession.adapters import asgi as over_asgi
from tokensession.adapters import wsgi as over_wsgi
from tokensession.keys.file_source import FileSource
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.revocation.replica import Replica
from tokensession.stores import connect

if TYPE_CHECKING:
    from collections.abc import Iterable

BARE = "/bare"  # answered without session middleware
COOKIE = "__Host-session"
POLICY = Policy(idle_timeout=600, absolute_timeout=3600)

_watched: KeyRingWatcher | None = None


def _manager() -> SessionManager[Any]:
    """Return what this process and its children share, by the settings in the environment."""
    global _watched  # noqa: PLW0603  # one application per process
    refresh = float(os.environ["LOAD_REFRESH"])
    _watched = KeyRingWatcher(FileSource(os.environ["LOAD_KEYS"]), refresh)
    replica = Replica(
        connect(os.environ["LOAD_REVOCATIONS"]).revocations(),
        refresh=refresh,
        max_staleness=float(os.environ["LOAD_STALENESS"]),
    )
    replica.read()
    codec: SessionCodec[Any] = SessionCodec(_watched, policy=POLICY, revocation=replica)
    return SessionManager(codec)


def _answer(path: str, query: str, session: Any) -> bytes:
    """Do what a path says to a session, and tell what it is."""
    if path == "/sign-in":
        session.sign_in(query)
        session["n"] = 0
    elif path == "/count":
        session["n"] = session.get("n", 0) + 1
    seen: dict[str, Any] = {"n": None, "kid": None, "refused": None}
    if path != BARE:
        seen = {"n": session.get("n"), "kid": session.kid, "refused": session.refused}
    if path == "/sign-out":
        session.clear()
    serial = 0 if _watched is None else _watched.ring.serial
    return json.dumps(seen | {"pid": os.getpid(), "serial": serial}).encode()


def asgi() -> over_asgi.App:
    """Return the application for ASGI servers."""

    async def app(scope: over_asgi.Scope, _: over_asgi.Receive, send: over_asgi.Send) -> None:
        session = scope.get("session")
        body = _answer(scope["path"], scope["query_string"].decode(), session)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    sessions = over_asgi.SessionMiddleware(app, _manager())

    async def site(scope: Any, receive: over_asgi.Receive, send: over_asgi.Send) -> None:
        if scope["type"] == "http":
            await (app if scope["path"] == BARE else sessions)(scope, receive, send)

    return site


def wsgi() -> over_wsgi.App:
    """Return the application for WSGI servers."""

    def app(environ: over_wsgi.Environ, start_response: over_wsgi.StartResponse) -> Iterable[bytes]:
        session = environ.get("tokensession.session")
        body = _answer(environ["PATH_INFO"], environ["QUERY_STRING"], session)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    sessions = over_wsgi.SessionMiddleware(app, _manager())

    def site(
        environ: over_wsgi.Environ, start_response: over_wsgi.StartResponse
    ) -> Iterable[bytes]:
        return (app if environ["PATH_INFO"] == BARE else sessions)(environ, start_response)

    return site
