"""Puts our configuration in place of Litestar's two, with what their arguments ask for."""

from __future__ import annotations

from typing import Any

from litestar.middleware.session import client_side, server_side

from tokensession import Cookie, KeyRing, Policy
from tokensession.adapters.litestar import SessionConfig
from tokensession.stores import connect


class _Config:
    """Makes a configuration of ours, so that no test takes it for one of Litestar's kinds."""

    def __new__(cls, secret: bytes = b"", *, key: str = "session", **options: Any) -> Any:
        del secret
        cookie = Cookie(name=key, http_development=True)
        policy = Policy(absolute_timeout=options.pop("max_age", 14 * 86400))
        store = connect("memory:").revocations()
        return SessionConfig(
            KeyRing.generate(), cookie=cookie, policy=policy, revocation=store, **options
        )


client_side.CookieBackendConfig = _Config  # type: ignore[assignment,misc]
server_side.ServerSideSessionConfig = type("_Other", (_Config,), {})  # type: ignore[assignment,misc]
