"""What each worker of the fleet serves: sessions that count, and how its watcher fares."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tokensession import Policy, SessionCodec, SessionManager
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.keys.watcher import KeyRingWatcher
from tokensession.stores.urls import source_from_url

if TYPE_CHECKING:
    from tokensession.adapters.asgi import App, Receive, Scope, Send


def make() -> App:
    """Return the application; its settings are in the environment."""
    refresh = float(os.environ["TEST_REFRESH"])
    watcher = KeyRingWatcher(source_from_url(os.environ["TEST_SOURCE"]), refresh)
    # No absolute timeout: its keys rotate within seconds.
    policy = Policy(idle_timeout=int(os.environ["TEST_LIFETIME"]), absolute_timeout=None)
    codec: SessionCodec[Any] = SessionCodec(watcher, policy=policy)

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        session = scope["session"]
        if scope["path"] == "/count":
            session["n"] = session.get("n", 0) + 1
        seen = {
            "n": session.get("n"),
            "kid": session.kid,
            "refused": session.refused,
            "serial": watcher.ring.serial,
        }
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    return SessionMiddleware(app, SessionManager(codec))
