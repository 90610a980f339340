"""A shop with Flask-Login, as its documentation shows it, on sessions of this library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flask import Flask, redirect, request, session
from flask_login import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logout_user,
)

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

store = stores.connect("memory:")
app = Flask(__name__)
app.secret_key = "signs the cookie of remember me"
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())

manager = LoginManager(app)
manager.session_protection = os.environ.get("PROTECTION", "basic")
manager.login_view = "login"
manager.refresh_view = "reauthenticate"
app.config["USE_SESSION_FOR_NEXT"] = True


class User(UserMixin):
    """A user with a name."""

    def __init__(self, name: str) -> None:
        self.id = name


manager.user_loader(User)


@app.route("/login", methods=["GET", "POST"])
def login() -> str | Response:
    """Sign a user in, for longer if the box is ticked, and go where the user wanted to go."""
    if request.method == "GET":
        return "who are you?"
    wanted = session.get("next", "/account")
    login_user(User(request.form["name"]), remember="remember" in request.form)
    return redirect(wanted)


@app.get("/account")
@login_required
def account() -> str:
    """Show who has signed in."""
    return current_user.id


@app.get("/orders")
@login_required
def orders() -> str:
    """Show the user's orders."""
    return f"orders of {current_user.id}"


@app.get("/password")
@fresh_login_required
def password() -> str:
    """Let a user change the password who has lately given it."""
    return f"password of {current_user.id}"


@app.route("/reauthenticate", methods=["GET", "POST"])
def reauthenticate() -> str:
    """Take the password once more."""
    if request.method == "GET":
        return "your password, please"
    confirm_login()
    return "confirmed"


@app.post("/logout")
def logout() -> str:
    """Sign out."""
    logout_user()
    return "bye"
