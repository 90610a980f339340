"""The application that `tokensession demo` serves: its routes, and what each request does.

It is written as any application of this library would be: `SessionMiddleware` around it, and
``request.session`` inside.
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tokensession.adapters.asgi import App, Message, Receive, Scope, Send, SessionMiddleware
from tokensession.format.seconds import whole_seconds
from tokensession.tools.demo import page
from tokensession.tools.demo.routes import (
    MAX_NAME,
    Operations,
    back,
    checked_form,
    html,
    label_of,
    session_of,
)
from tokensession.tools.demo.signed_in import device
from tokensession.tools.demo.view import PRODUCTS, THEMES

if TYPE_CHECKING:
    from starlette.requests import Request

    from tokensession.tools.demo.bench import Bench

MAX_QUANTITY: Final = 9

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_TYPES: Final = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


class SecurityHeaders:
    """Adds the headers that forbid scripts and styles from elsewhere, frames and guessed types."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def make_app(bench: Bench) -> Starlette:
    """Return the application."""

    async def signed_out(request: Request) -> Response:
        # The raw header is enough to see that the cookie is gone: no session is begun.
        sent = bool(bench.cookie.read(request.scope["headers"]))
        return html(page.signed_out(sent=sent, replay=bench.signed_out))

    async def sign_out(request: Request) -> Response:
        """Sign out: nothing is left of the session, so the cookie is deleted and it is revoked."""
        await checked_form(request)
        session = session_of(request)
        bench.keep_copy(session, bench.token_of(request.scope["headers"]), whole_seconds(None))
        bench.signed_out = None if session.subject is None else session.listed_id
        session.clear()
        return RedirectResponse("/signed-out", status_code=303)

    return Starlette(
        routes=[
            *Operations(bench).routes(),
            Route("/signed-out", signed_out),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/cart", change_cart, methods=["POST"]),
            Route("/theme", set_theme, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            *(Route(f"/{name}", _static(name)) for name in _TYPES),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            # Another site's name that resolves to this machine is refused (DNS rebinding).
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(SessionMiddleware, bench.manager),
        ],
        exception_handlers={HTTPException: _refusal},
    )


async def sign_in(request: Request) -> Response:
    """Sign in under any name: a new session, with a new session id."""
    form = await checked_form(request)
    name = form.get("name", "").strip()
    if not name or len(name) > MAX_NAME:
        raise HTTPException(400, f"Give a name of 1 to {MAX_NAME} characters.")
    again = "label" in form
    label = label_of(form) if again else device(request.headers.get("user-agent", ""))
    session = session_of(request)
    session.sign_in(name, label=label)
    session["csrf"] = secrets.token_urlsafe(16)  # new, so that earlier visitors do not know it
    return back("signed-in", done="again") if again else back("you", done="signed-in")


async def change_cart(request: Request) -> Response:
    """Add a product to the cart, or empty it."""
    sku = (await checked_form(request)).get("sku", "")
    session = session_of(request)
    if not sku:
        session.pop("cart", None)
        return back("state", done="cart")
    if sku not in PRODUCTS:
        raise HTTPException(400, "There is no such product.")
    cart = session.setdefault("cart", {})
    cart[sku] = min(cart.get(sku, 0) + 1, MAX_QUANTITY)
    return back("state", done="cart")


async def set_theme(request: Request) -> Response:
    """Choose the colours of the page."""
    theme = (await checked_form(request)).get("theme", "")
    if theme not in THEMES:
        raise HTTPException(400, "There is no such theme.")
    session_of(request)["theme"] = theme
    return back("state", done="theme")


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return html(page.refusal(error.status_code, error.detail), status=error.status_code)


def _static(name: str) -> Any:
    content = files("tokensession.tools.demo").joinpath(name).read_bytes()

    async def serve(_request: Request) -> Response:
        return Response(content, media_type=_TYPES[name], headers={"cache-control": "no-cache"})

    return serve
