"""An application that signs in by the code flow, and hears the provider's log-outs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import httpx
import jwt
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from flask import Flask, redirect, request, session

from tests.adapters.servers import PATIENCE
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession import SessionManager
    from tokensession.openid.back_channel import BackChannelLogout

CLIENT: Final = "shop"
SECRET: Final = "a secret of provider and shop"


class OpenID:
    """The client's side of the code flow (OpenID Connect Core 1.0, section 3.1)."""

    def __init__(self, issuer: str, callback: str) -> None:
        self.metadata = httpx.get(
            f"{issuer}/.well-known/openid-configuration", timeout=PATIENCE
        ).json()
        self.callback = callback

    def start(self) -> tuple[str, dict[str, str]]:
        """Return where to send the browser, and what to keep in its session."""
        kept = {"state": secrets.token_urlsafe(), "nonce": secrets.token_urlsafe()}
        asked = {"client_id": CLIENT, "response_type": "code", "scope": "openid",
                 "redirect_uri": self.callback, **kept}  # fmt: skip
        return str(httpx.URL(self.metadata["authorization_endpoint"], params=asked)), kept

    def finish(self, query: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, Any]:
        """Return the claims of the ID token that the provider gives for a code."""
        assert query["state"] == kept["state"]
        sent = {"grant_type": "authorization_code", "code": query["code"],
                "redirect_uri": self.callback}  # fmt: skip
        answer = httpx.post(
            self.metadata["token_endpoint"], data=sent, auth=(CLIENT, SECRET), timeout=PATIENCE
        )
        token = answer.raise_for_status().json()["id_token"]
        key = jwt.PyJWKClient(self.metadata["jwks_uri"]).get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience=CLIENT, issuer=self.metadata["issuer"]
        )
        assert claims["nonce"] == kept["nonce"]
        return claims


def fastapi_app(openid: OpenID, manager: SessionManager[Any], logout: BackChannelLogout) -> Any:
    """Return the application in FastAPI."""
    app = FastAPI()

    @app.get("/login")
    def login(request: Request) -> Response:
        where, kept = openid.start()
        request.session.update(kept)
        return RedirectResponse(where)

    @app.get("/callback")
    def callback(request: Request) -> Response:
        claims = openid.finish(request.query_params, request.session)
        provider = (claims["iss"], claims["sid"])
        request.scope["session"].sign_in(claims["sub"], provider=provider)
        return RedirectResponse("/")

    @app.get("/")
    def home(request: Request) -> Response:
        return Response(str(request.scope["session"].subject))

    @app.post("/logout")
    async def back_channel(request: Request) -> Response:
        kind = request.headers.get("content-type")
        answer = await run_in_threadpool(logout.handle, await request.body(), kind)
        return Response(answer.body, answer.status, dict(answer.headers))

    return SessionMiddleware(app, manager)


def flask_app(openid: OpenID, manager: SessionManager[Any], logout: BackChannelLogout) -> Any:
    """Return the application in Flask."""
    app = Flask("shop")
    app.session_interface = SessionInterface(manager)

    @app.get("/login")
    def login() -> Any:
        where, kept = openid.start()
        session.update(kept)
        return redirect(where)

    @app.get("/callback")
    def callback() -> Any:
        claims = openid.finish(request.args, session)
        session.sign_in(claims["sub"], provider=(claims["iss"], claims["sid"]))  # type: ignore[attr-defined]
        return redirect("/")

    @app.get("/")
    def home() -> str:
        return str(session.subject)  # type: ignore[attr-defined]

    @app.post("/logout")
    def back_channel() -> Any:
        answer = logout.handle(request.get_data(), request.content_type)
        return answer.body, answer.status, answer.headers

    return app
