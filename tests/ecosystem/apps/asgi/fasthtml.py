"""A shop with FastHTML, as its documentation shows it."""

from __future__ import annotations

from fasthtml.common import (
    Beforeware,
    Button,
    FastHTML,
    Form,
    Input,
    P,
    RedirectResponse,
    Titled,
    add_toast,
    setup_toasts,
)

from tokensession import KeyRing, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")


def before(req, session):
    """Send a browser that has not signed in to the form."""
    auth = req.scope["auth"] = session.get("auth")
    return None if auth else RedirectResponse("/login", status_code=303)


app = FastHTML(
    before=Beforeware(before, skip=["/login"]),
    sess_cls=lambda app, **_: SessionMiddleware(app, keys, revocation=store.revocations()),
    secret_key="unused",
)
rt = app.route
setup_toasts(app)


@rt("/login", methods=["get"])
def form():
    """Show the form."""
    return Titled("Sign in", Form(Input(name="name"), Button("in"), action="/login", method="post"))


@rt("/login", methods=["post"])
def login(name: str, session):
    """Sign in."""
    session.sign_in(name)
    session["auth"] = name
    add_toast(session, f"welcome, {name}", "success")
    return RedirectResponse("/", status_code=303)


@rt("/")
def home(auth, session):
    """Show who has signed in, and count the visits."""
    session["visits"] = session.get("visits", 0) + 1
    return Titled("Shop", P(f"{auth} was here {session['visits']} times"))


@app.ws("/counter")
async def counter(session, send):
    """Tell an open page how often its browser was there."""
    await send(P(f"{session.get('auth')}: {session.get('visits')}"))


@rt("/logout")
def logout(session):
    """Sign out."""
    session.clear()
    return RedirectResponse("/login", status_code=303)
