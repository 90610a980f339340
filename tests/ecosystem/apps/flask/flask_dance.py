"""Signing in with Flask-Dance, which keeps the provider's token in the session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flask import Flask, redirect, session, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # for a provider without https
provider = os.environ["PROVIDER"]
store = stores.connect("memory:")
app = Flask(__name__)
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())

house = OAuth2ConsumerBlueprint(
    "house",
    __name__,
    client_id="shop",
    client_secret="the-secret-of-the-shop",
    scope=["openid", "email"],
    base_url=provider,
    authorization_url=f"{provider}/authorize",
    token_url=f"{provider}/token",
    use_pkce=True,
)
app.register_blueprint(house, url_prefix="/login")


@oauth_authorized.connect_via(house)
def signed_in(blueprint: OAuth2ConsumerBlueprint, token: dict[str, Any]) -> None:
    """Begin a session of the user that the provider names."""
    blueprint.session.token = token
    session.sign_in(blueprint.session.get("/userinfo").json()["sub"])


@app.get("/")
def home() -> str | Response:
    """Show what the provider says of the user."""
    if not house.session.authorized:
        return redirect(url_for("house.login"))
    claims = house.session.get("/userinfo").json()
    return f"{claims['name']}, {claims['email']}, {session.subject}"


@app.get("/who")
def who() -> str:
    """Show the user who has signed in."""
    return f"{session.subject or 'no user'}, {house.session.authorized}"


@app.post("/logout")
def logout() -> str:
    """Forget the provider's token, and sign out."""
    del house.token
    session.clear()
    return "bye"
