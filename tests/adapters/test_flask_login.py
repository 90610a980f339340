"""Flask-Login over our sessions signs in and out for real, without a line in the application."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, flash, session
from flask.sessions import SessionMixin
from flask_login import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    login_user,
    logout_user,
)

from tokensession import ConfigError, KeyRing, SessionCodec
from tokensession.adapters.flask import SessionInterface
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import COOKIE

if TYPE_CHECKING:
    from flask.testing import FlaskClient

BASE = "https://localhost"


class User(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A user of an id."""

    def __init__(self, name: str) -> None:
        self.id = name


class Copy(dict[str, Any], SessionMixin):
    """A copy of a session, as Flask-SocketIO makes it."""


class Role(StrEnum):
    """Users of an enum."""

    CLERK = "clerk"


class Shop:
    """An application with Flask-Login, a revocation list and a "remember me" box."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.keys = KeyRing.generate()
        self.app = Flask("shop")
        self.app.secret_key = "for the cookie of remember me"
        self.app.session_interface = SessionInterface(self.keys, revocation=self.store)
        self.manager = LoginManager(self.app)
        self.manager.user_loader(User)
        views: dict[str, Any] = {
            "/": self.home, "/in/<name>": self.sign_in, "/out": logout_user_and_say,
            "/out-and-clear": self.out_and_clear, "/clear-and-out": self.clear_and_out,
            "/cart": self.cart, "/confirm": self.confirm, "/message": self.message,
            "/clerk": lambda: self.sign_in(Role.CLERK),
        }  # fmt: skip
        for path, view in views.items():
            self.app.add_url_rule(path, path, view)

    def client(self) -> FlaskClient:
        """Return a new browser."""
        return self.app.test_client()

    def home(self) -> dict[str, Any]:
        """Answer who has signed in."""
        return {
            "user": current_user.get_id(),
            "subject": session.subject,  # type: ignore[attr-defined]
            "state": dict(session),
        }

    def sign_in(self, name: str) -> str:
        """Sign in, to be remembered."""
        session["seen"] = True
        login_user(User(name), remember=name.startswith("r"), duration=timedelta(days=7))
        return "in"

    def out_and_clear(self) -> str:
        """Sign out, and drop the session after it."""
        logout_user()
        session.clear()
        return "out"

    def clear_and_out(self) -> str:
        """Drop the session, and sign out after it."""
        session.clear()
        logout_user()
        return "out"

    def cart(self) -> str:
        """Put something into the session."""
        session["cart"] = [1]
        return "in the cart"

    def message(self) -> str:
        """Leave something for the user's next page."""
        flash("for your eyes")
        session["_cart"] = [1]
        return "left"

    def confirm(self) -> str:
        """Authenticate again."""
        confirm_login()
        return "confirmed"


def logout_user_and_say() -> str:
    """Sign out, with a message for the next page."""
    flash("bye")
    logout_user()
    return "out"


def ask(client: FlaskClient, path: str = "/") -> Any:
    """Return what the application answers."""
    answer = client.get(path, base_url=BASE)
    assert answer.status_code == 200
    return answer.json if answer.is_json else answer.text


def token_of(client: FlaskClient) -> str:
    """Return the token in a client's cookie."""
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    return str(cookie.value)


def with_token(shop: Shop, token: str) -> FlaskClient:
    """Return a browser that holds a copy of a cookie."""
    client = shop.client()
    client.set_cookie(COOKIE, token, domain="localhost", secure=True)
    return client


def test_signing_in_begins_a_session_of_the_user() -> None:
    """The anonymous state is kept, the id is new, and the subject is the user's id."""
    shop = Shop()
    client = shop.client()
    ask(client, "/cart")
    codec: SessionCodec[Any] = SessionCodec(shop.keys)
    before = codec.decode(token_of(client))
    ask(client, "/in/ada")
    after = codec.decode(token_of(client))
    assert (after.subject, after.state["cart"]) == ("ada", [1])
    assert after.sid != before.sid


@pytest.mark.parametrize("way", ["/out", "/out-and-clear", "/clear-and-out"])
@pytest.mark.parametrize("name", ["ada", "rita"])
def test_signing_out_is_final(way: str, name: str) -> None:
    """A copy of the cookie is dead, and so is the cookie that remembers, in either order."""
    shop = Shop()
    client = shop.client()
    ask(client, f"/in/{name}")
    stolen = token_of(client)
    assert ask(with_token(shop, stolen))["user"] == name
    ask(client, way)
    assert ask(with_token(shop, stolen))["user"] is None
    assert client.get_cookie("remember_token") is None
    assert ask(client)["user"] is None


def test_what_is_not_of_the_user_stays_after_signing_out() -> None:
    """A cart, and a message of the sign-out, stay after signing out, as in Flask's session."""
    client = Shop().client()
    ask(client, "/in/ada")
    ask(client, "/cart")
    ask(client, "/out")
    seen = ask(client)
    assert (seen["user"], seen["subject"], seen["state"]["cart"]) == (None, None, [1])
    assert seen["state"]["_flashes"] == [["message", "bye"]]


def test_another_users_session_is_not_inherited() -> None:
    """A sign-in over another user's session begins without that user's state."""
    shop = Shop()
    client = shop.client()
    ask(client, "/in/ada")
    ask(client, "/cart")
    stolen = token_of(client)
    ask(client, "/in/bob")
    seen = ask(client)
    assert (seen["user"], seen["subject"]) == ("bob", "bob")
    assert "cart" not in seen["state"]
    assert ask(with_token(shop, stolen))["user"] is None


def test_another_users_messages_are_not_inherited() -> None:
    """Another user inherits neither messages nor keys that begin with an underscore."""
    client = Shop().client()
    ask(client, "/in/ada")
    ask(client, "/message")
    ask(client, "/in/bob")
    assert set(ask(client)["state"]) == {"_user_id", "_fresh", "_id", "seen"}


def test_a_user_who_becomes_another_user() -> None:
    """What the request sets before it signs in the other user is kept, and nothing else is."""
    shop = Shop()

    @shop.app.get("/become/<name>")
    def become(name: str) -> str:
        session.setdefault("real", current_user.id)
        session["real"] = session["real"]
        session["cart"].append(2)
        login_user(User(name))
        return ""

    client = shop.client()
    ask(client, "/in/ada")
    ask(client, "/cart")
    for name in ("bob", "cy"):
        if name == "cy":
            ask(client, "/cart")
        ask(client, f"/become/{name}")
        seen = ask(client)
        assert (seen["user"], seen["subject"], seen["state"]["real"]) == (name, name, "ada")
        assert "cart" not in seen["state"]


def test_a_user_of_a_subclass_of_str_signs_in() -> None:
    """Its base value is the subject."""
    client = Shop().client()
    ask(client, "/clerk")
    assert ask(client)["subject"] == "clerk"


def test_a_protected_session_that_is_stolen_ends() -> None:
    """Flask-Login's strong protection takes the user out of it."""
    shop = Shop()
    shop.manager.session_protection = "strong"
    client = shop.client()
    ask(client, "/in/ada")
    stolen = token_of(client)
    answer = client.get("/", base_url=BASE, headers={"User-Agent": "other"}).json
    assert answer is not None
    assert (answer["user"], answer["subject"]) == (None, None)
    assert ask(with_token(shop, stolen))["user"] is None


def test_all_sessions_of_a_user_can_be_ended() -> None:
    """The subject is known to the list."""
    shop = Shop()
    client = shop.client()
    ask(client, "/in/ada")
    SessionCodec(shop.keys, revocation=shop.store).revoke_subject("ada")
    assert ask(client)["user"] is None


def test_a_remembered_user_gets_a_session_of_theirs() -> None:
    """Flask-Login signs in by its own cookie when the session is gone."""
    client = Shop().client()
    ask(client, "/in/rita")
    client.delete_cookie(COOKIE, domain="localhost")
    assert ask(client)["user"] == "rita"
    seen = ask(client)
    assert (seen["subject"], seen["state"]["_fresh"]) == ("rita", False)


def test_confirming_a_login_authenticates_again() -> None:
    """The session says when; a session without a user stays as it is."""
    shop = Shop()
    client = shop.client()
    ask(client, "/in/ada")
    before = SessionCodec[Any](shop.keys).decode(token_of(client))
    ask(client, "/confirm")
    after = SessionCodec[Any](shop.keys).decode(token_of(client))
    assert after.sid != before.sid
    assert after.is_fresh(60)
    ask(shop.client(), "/confirm")


def test_signing_out_anonymously_sets_nothing() -> None:
    """There is no session to end."""
    client = Shop().client()
    client.get("/clear-and-out", base_url=BASE)
    assert client.get_cookie(COOKIE) is None


def test_other_applications_are_left_alone() -> None:
    """An application with Flask's own sessions is signed in by Flask-Login as ever."""
    Shop()
    app = Flask("other")
    app.secret_key = "x"
    LoginManager(app).user_loader(User)
    app.add_url_rule("/in", "in", lambda: str(login_user(User("ada"))))
    app.add_url_rule("/", "home", lambda: current_user.get_id() or "")
    client = app.test_client()
    assert client.get("/in").text == "True"
    assert client.get("/").text == "ada"


def test_a_copy_of_the_session_is_not_signed_out() -> None:
    """A sign-out that would leave the session alive raises, as in a handler of Flask-SocketIO."""
    shop = Shop()
    client = shop.client()
    client.get("/in/ada", base_url=BASE)
    token = client.get_cookie(COOKIE, "localhost")
    assert token is not None
    headers = {"Cookie": f"{COOKIE}={token.value}"}
    with shop.app.test_request_context("/", base_url=BASE, headers=headers) as context:
        context._session = Copy(session)
        with pytest.raises(ConfigError, match="sign out in a view"):
            logout_user()
    assert ask(client)["user"] == "ada"


def test_a_copy_of_flask_login_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that brings its own copy of Flask-Login signs in and out for real too."""
    place = next(iter(find_spec("flask_login").submodule_search_locations))  # type: ignore[union-attr,arg-type]
    spec = spec_from_file_location(
        "copied_login", f"{place}/__init__.py", submodule_search_locations=[place]
    )
    assert spec is not None
    assert spec.loader is not None
    copied: Any = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "copied_login", copied)
    spec.loader.exec_module(copied)
    manager = type("Manager", (copied.LoginManager,), {"__module__": "shop.login"})
    app, store, keys = Flask("shop"), MemoryStore(), KeyRing.generate()
    app.secret_key = "for the cookie of remember me"
    app.session_interface = SessionInterface(keys, revocation=store)
    manager(app).user_loader(User)
    app.add_url_rule("/in", "in", lambda: str(copied.login_user(User("ada"))))
    app.add_url_rule("/out", "out", lambda: str(copied.logout_user()))
    app.add_url_rule("/", "home", lambda: str(copied.current_user.get_id()))
    client = app.test_client()
    ask(client, "/in")
    stolen = token_of(client)
    assert SessionCodec[Any](keys).decode(stolen).subject == "ada"
    ask(client, "/out")
    client.set_cookie(COOKIE, stolen, domain="localhost", secure=True)
    assert ask(client) == "None"
