"""A chat with Flask-SocketIO and Flask-Login."""

from __future__ import annotations

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
socketio = SocketIO(app, async_mode="threading")


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
