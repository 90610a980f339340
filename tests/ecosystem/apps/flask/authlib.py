"""Signing in with Authlib's client for Flask, as its documentation shows it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, session, url_for

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

store = stores.connect("memory:")
app = Flask(__name__)
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())

oauth = OAuth(app)
oauth.register(
    "house",
    client_id="shop",
    client_secret="the-secret-of-the-shop",
    server_metadata_url=os.environ["PROVIDER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
)


@app.get("/login")
def login() -> Response:
    """Send the browser to the provider."""
    return oauth.house.authorize_redirect(url_for("auth", _external=True))


@app.get("/auth")
def auth() -> Response | tuple[str, int]:
    """Sign in the user that the provider names."""
    try:
        token = oauth.house.authorize_access_token()
    except OAuthError as error:
        return error.error, 400
    session.sign_in(token["userinfo"]["sub"])
    session["user"] = token["userinfo"]
    session["token"] = token
    return redirect("/")


@app.get("/")
def home() -> str | tuple[str, int]:
    """Show who has signed in, as the provider says by the kept token."""
    if not (user := session.get("user")):
        return "no user", 401
    answer = oauth.house.userinfo(token=session["token"])
    return f"{user['name']}, {answer['email']}, {session.subject}"


@app.get("/logout")
def logout() -> Response:
    """Sign out here, then at the provider."""
    token = session.get("token", {})
    session.clear()
    return oauth.house.logout_redirect(
        url_for("goodbye", _external=True), id_token_hint=token.get("id_token")
    )


@app.get("/goodbye")
def goodbye() -> str:
    """Say goodbye to the browser that the provider sends back."""
    oauth.house.validate_logout_response()
    return "bye"
