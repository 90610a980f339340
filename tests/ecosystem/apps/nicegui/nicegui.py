"""A counter with NiceGUI on FastAPI, as NiceGUI's documentation shows it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from nicegui import app as nice
from nicegui import ui
from nicegui.storage import RequestTrackingMiddleware

from tokensession import KeyRing, stores
from tokensession.adapters.asgi import SessionMiddleware

keys = KeyRing.generate()
store = stores.connect("memory:")
app = FastAPI()


@ui.page("/")
def index() -> None:
    """Count the visits and clicks of a user."""
    user = nice.storage.user
    user["visits"] = user.get("visits", 0) + 1

    def click() -> None:
        user["clicks"] = user.get("clicks", 0) + 1
        label.set_text(f"{nice.storage.browser.get('name')} has clicked {user['clicks']} times")

    label = ui.label(f"{nice.storage.browser.get('name')} was here {user['visits']} times")
    ui.button("click", on_click=click)


@nice.post("/login")
def login(request: Request, name: str) -> RedirectResponse:
    """Sign in, with a new storage."""
    request.session.clear()
    request.session.sign_in(name)
    request.session["name"] = name
    return RedirectResponse("/", 303)


@nice.post("/logout")
def logout(request: Request) -> RedirectResponse:
    """Sign out, and forget what was stored."""
    nice.storage.user.clear()
    request.session.clear()
    return RedirectResponse("/", 303)


nice.add_middleware(RequestTrackingMiddleware)
nice.add_middleware(SessionMiddleware, keys, revocation=store.revocations())
ui.run_with(app)
