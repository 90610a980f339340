"""Flask-OIDC's sign-in and sign-out, by the signals that it sends."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import flask
import pytest
from blinker import Signal
from flask import Flask

from tokensession import Revoked, SessionCodec, SessionManager
from tokensession.adapters.flask import SessionInterface
from tokensession.stores.memory.revocation import MemoryStore

from .conformance import RING

if TYPE_CHECKING:
    from tokensession import Session

HTTPS = "https://localhost"


class Shop:
    """An application whose views do what Flask-OIDC's do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        signals = SimpleNamespace(after_authorize=Signal(), after_logout=Signal())
        monkeypatch.setitem(sys.modules, "flask_oidc.signals", signals)
        self.app = app = Flask("shop")
        codec: SessionCodec[Any] = SessionCodec(RING, revocation=MemoryStore())
        self.codec = codec
        app.session_interface = SessionInterface(SessionManager(codec))

        @app.get("/in/<user>")
        def authorize(user: str) -> str:
            flask.session["oidc_auth_token"] = {"access_token": "x", "userinfo": {"sub": user}}
            if "profile" in flask.request.args:
                flask.session["oidc_auth_profile"] = {"sub": user}
            signals.after_authorize.send(object(), token={}, return_to="/")
            return ""

        @app.get("/out")
        def logout() -> str:
            flask.session.pop("oidc_auth_token", None)
            flask.session.pop("oidc_auth_profile", None)
            flask.flash("bye")
            signals.after_logout.send(object(), reason=None, return_to="/")
            return ""

        @app.get("/cart")
        def cart() -> str:
            flask.session["cart"] = 1
            return ""

        self.client = app.test_client()

    def get(self, path: str) -> Session[Any] | None:
        """Return the session after a request, or None if there is none."""
        assert self.client.get(path, base_url=HTTPS).status_code == 200
        token = self.token()
        return None if token is None else self.codec.decode(token)

    def token(self) -> str | None:
        """Return the token in the cookie."""
        cookie = self.client.get_cookie("__Host-session", "localhost")
        return None if cookie is None else cookie.value


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return an application without Flask-Login."""
    return Shop(monkeypatch)


@pytest.mark.parametrize("query", ["", "?profile=1"])
def test_a_sign_in_and_a_sign_out(shop: Shop, query: str) -> None:
    """The sign-in begins the user's session with the anonymous state; the sign-out ends it."""
    before = shop.get("/cart")
    during = shop.get(f"/in/ada{query}")
    assert before is not None
    assert during is not None
    assert (during.subject, during["cart"], "oidc_auth_token" in during) == ("ada", 1, True)
    assert during.sid != before.sid
    copied = shop.token()
    after = shop.get("/out")
    assert after is not None
    assert (after.subject, [*after]) == (None, ["cart", "_flashes"])
    assert copied is not None
    with pytest.raises(Revoked):
        shop.codec.decode(copied)


@pytest.mark.parametrize("first", [True, False])
def test_the_applications_own_subject(shop: Shop, *, first: bool) -> None:
    """A handler of the signal can sign in the user by its own id, before the adapter or after."""

    @shop.app.get("/own")
    def own() -> str:
        session: Any = flask.session
        session["oidc_auth_token"] = {"userinfo": {"sub": "ada"}}
        if first:
            session.sign_in("7")
        sys.modules["flask_oidc.signals"].after_authorize.send(None, token={}, return_to="/")
        if not first:
            session.sign_in("7")
        return ""

    shop.get("/cart")
    session = shop.get("/own")
    assert session is not None
    assert (session.subject, session["cart"], "oidc_auth_token" in session) == ("7", 1, True)


def test_another_user_signs_in(shop: Shop) -> None:
    """The new session has the tokens of the new user alone."""
    shop.get("/in/ada")
    shop.get("/cart")
    session = shop.get("/in/bob")
    assert session is not None
    assert (session.subject, [*session]) == ("bob", ["oidc_auth_token"])


def test_a_sign_out_without_a_user(shop: Shop) -> None:
    """It keeps what there is."""
    session = shop.get("/out")
    assert session is not None
    assert [*session] == ["_flashes"]


def test_beside_flask_login(shop: Shop) -> None:
    """Flask-Login says who has signed in, so Flask-OIDC's signals change nothing."""
    shop.app.login_manager = object()  # type: ignore[attr-defined]  # as Flask-Login does
    session = shop.get("/in/ada")
    assert session is not None
    assert session.subject is None
    after = shop.get("/out")
    assert after is not None
    assert after.sid == session.sid


def test_a_provider_that_names_no_user(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the scope openid there is no subject, and the sign-out ends the session too."""

    @shop.app.get("/bare")
    def bare() -> str:
        flask.session["oidc_auth_token"] = {"access_token": "x"}
        sys.modules["flask_oidc.signals"].after_authorize.send(None, token={}, return_to="/")
        return ""

    session = shop.get("/bare")
    assert session is not None
    assert session.subject is None
    copied = shop.token()
    shop.get("/out")
    assert copied is not None
    with pytest.raises(Revoked):
        shop.codec.decode(copied)
