"""Signing in with Authlib's client for Starlette, as its documentation shows it."""

from __future__ import annotations

import os

from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from tokensession import KeyRing, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")
app = FastAPI()
app.add_middleware(SessionMiddleware, keys, revocation=store.revocations())

oauth = OAuth()
oauth.register(
    "house",
    client_id="shop",
    client_secret="the-secret-of-the-shop",
    server_metadata_url=os.environ["PROVIDER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
)


@app.get("/login")
async def login(request: Request) -> Response:
    """Send the browser to the provider."""
    return await oauth.house.authorize_redirect(request, request.url_for("auth"))


@app.get("/auth")
async def auth(request: Request) -> Response:
    """Sign in the user that the provider names."""
    try:
        token = await oauth.house.authorize_access_token(request)
    except OAuthError as error:
        return PlainTextResponse(error.error, 400)
    request.session.sign_in(token["userinfo"]["sub"])
    request.session["user"] = token["userinfo"]
    request.session["token"] = token
    return RedirectResponse("/")


@app.get("/")
async def home(request: Request) -> Response:
    """Show who has signed in, as the provider says by the kept token."""
    if not (user := request.session.get("user")):
        return PlainTextResponse("no user", 401)
    answer = await oauth.house.userinfo(token=request.session["token"])
    return PlainTextResponse(f"{user['name']}, {answer['email']}, {request.session.subject}")


@app.get("/logout")
async def logout(request: Request) -> Response:
    """Sign out here, then at the provider."""
    token = request.session.get("token", {})
    request.session.clear()
    return await oauth.house.logout_redirect(
        request, request.url_for("goodbye"), id_token_hint=token.get("id_token")
    )


@app.get("/goodbye")
async def goodbye(request: Request) -> Response:
    """Say goodbye to the browser that the provider sends back."""
    await oauth.house.validate_logout_response(request)
    return PlainTextResponse("bye")
