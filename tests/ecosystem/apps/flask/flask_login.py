"""A shop with Flask-Login, as its documentation shows it, on sessions of this library."""

from __future__ import annotations

from flask import Flask, request
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

store = stores.connect("memory:")
app = Flask(__name__)
app.secret_key = "signs the cookie of remember me"
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())
manager = LoginManager(app)


class User(UserMixin):
    """A user with a name."""

    def __init__(self, name: str) -> None:
        self.id = name


manager.user_loader(User)


@app.post("/login")
def login() -> str:
    """Sign a user in, for longer if the box is ticked."""
    login_user(User(request.form["name"]), remember="remember" in request.form)
    return "welcome"


@app.get("/account")
@login_required
def account() -> str:
    """Show who has signed in."""
    return current_user.id


@app.post("/logout")
def logout() -> str:
    """Sign out."""
    logout_user()
    return "bye"
