"""Signing in with FastHTML's OAuth, as its documentation shows it."""

from __future__ import annotations

import os

from fasthtml.common import FastHTML, P, RedirectResponse
from fasthtml.oauth import OAuth, _AppClient

from tokensession import KeyRing, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")


class House(_AppClient):
    """The client of the test's provider."""

    base_url = os.environ["PROVIDER"] + "/authorize"
    token_url = os.environ["PROVIDER"] + "/token"
    info_url = os.environ["PROVIDER"] + "/userinfo"
    id_key = "sub"


class Auth(OAuth):
    """Signs in the user that the provider names."""

    def get_auth(self, info, ident, session, state):
        """Sign in."""
        session.sign_in(ident)
        session["name"] = info.name
        return RedirectResponse("/", status_code=303)

    def logout(self, session):
        """Sign out."""
        session.clear()
        return RedirectResponse("/bye", status_code=303)


app = FastHTML(
    sess_cls=lambda app, **_: SessionMiddleware(app, keys, revocation=store.revocations()),
    secret_key="unused",
)
client = House("shop", "the-secret-of-the-shop", scope=["openid"])
oauth = Auth(app, client, skip=["/login", "/redirect", "/error", "/bye"])


@app.get("/login")
def login(req):
    """Send the browser to the provider."""
    return RedirectResponse(oauth.login_link(req, state="unused"), status_code=303)


@app.get("/error")
def error(session):
    """Tell what the provider has answered."""
    return P(f"the provider says {session.get('oauth_error')}")


@app.get("/bye")
def bye():
    """Say goodbye."""
    return P("bye")


@app.get("/")
def home(auth, session):
    """Show who has signed in."""
    return P(f"{auth} is {session['name']} and {session.subject}")
