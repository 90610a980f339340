"""A chat with Flask-SocketIO and Flask-Login."""

from __future__ import annotations

import os

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_socketio import SocketIO, emit

from tokensession import KeyRing, stores
from tokensession.adapters.flask import SessionInterface

store = stores.connect("memory:")
app = Flask(__name__)
app.secret_key = "signs the cookie of remember me"
app.session_interface = SessionInterface(KeyRing.generate(), revocation=store.revocations())
manager = LoginManager(app)
copied = os.environ.get("SESSIONS", "copied") == "copied"
socketio = SocketIO(app, async_mode="threading", manage_session=copied)


class User(UserMixin):
    """A user with a name."""

    def __init__(self, name: str) -> None:
        self.id = name


manager.user_loader(User)


@app.post("/login")
def login() -> str:
    """Sign a user in."""
    login_user(User(request.form["name"]))
    return "welcome"


@app.post("/logout")
def logout() -> str:
    """Sign out."""
    logout_user()
    return "bye"


@app.get("/said")
def said() -> str:
    """Show what the user's sockets have left in the user's session."""
    return str(session.get("said"))


@socketio.on("connect")
def connected() -> bool:
    """Refuse those who have not signed in."""
    return current_user.is_authenticated


@socketio.on("say")
def say(what: str) -> None:
    """Remember what the socket's user says, in the socket's own copy of the session."""
    session["said"] = [*session.get("said", []), what]
    emit("said", [current_user.id, *session["said"]])


@socketio.on("ask")
def ask() -> None:
    """Send the id of the handler's current user."""
    emit("is", current_user.get_id() or "no user")


@socketio.on("leave")
def leave() -> None:
    """Try to sign out, which only a view can do."""
    logout_user()


@socketio.on_error_default
def failed(error: Exception) -> None:
    """Tell the socket why its event failed."""
    emit("failed", str(error))
