"""Puts our middleware in place of Starlette's, with what that middleware's arguments ask for.

Starlette's JSONResponse has no hook for other mappings than dicts, so the suite's views are given
one that writes ``dict(request.session)``, as a user's views write it.
"""

from __future__ import annotations

from typing import Any

from starlette import responses
from starlette.middleware import sessions

from tokensession import Cookie, KeyRing, Policy
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.web.request_session import RequestSession

_KEYS = KeyRing.generate()


def _middleware(
    app: Any,
    secret_key: str,
    *,
    session_cookie: str = "session",
    max_age: int | None = 14 * 24 * 3600,
    path: str = "/",
    same_site: str = "lax",
    https_only: bool = False,
    domain: str | None = None,
    partitioned: bool = False,
) -> SessionMiddleware:
    cookie = Cookie(
        name=session_cookie,
        domain=domain,
        path=path,
        same_site=same_site.capitalize(),  # type: ignore[arg-type]
        partitioned=partitioned,
        persistent=max_age is not None,
        http_development=not https_only,
    )
    policy = Policy() if max_age is None else Policy(idle_timeout=max_age)
    return SessionMiddleware(app, _KEYS, cookie=cookie, policy=policy)


class _JSONResponse(responses.JSONResponse):
    def render(self, content: Any) -> bytes:
        """Write a session that is a member of the content as a dict."""
        return super().render(
            {k: dict(v) if isinstance(v, RequestSession) else v for k, v in content.items()}
        )


sessions.SessionMiddleware = _middleware  # type: ignore[assignment,misc]
responses.JSONResponse = _JSONResponse  # type: ignore[misc]
