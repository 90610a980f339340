"""The application that `tokensession demo` serves: its routes, and what each request does.

It is written as any application of this library would be: `SessionMiddleware` around it, and
``request.session`` inside.
"""

from __future__ import annotations

import hmac
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tokensession.adapters.asgi import SessionMiddleware
from tokensession.codec import SessionCodec
from tokensession.cookies import Cookie
from tokensession.demo import page
from tokensession.demo.trial import Trial
from tokensession.demo.view import PRODUCTS, THEMES, View
from tokensession.manager import SessionManager
from tokensession.policy import Policy, whole_seconds

if TYPE_CHECKING:
    from starlette.requests import Request

    from tokensession.adapters.asgi import App, Message, Receive, Scope, Send
    from tokensession.keys import KeyRing
    from tokensession.request import RequestSession

MAX_FORM: Final = 4096  # bytes; the forms of the page take a few hundred
MAX_NAME: Final = 64  # characters
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
_TYPES: Final = {
    "style.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


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


def make_app(keys: KeyRing) -> Starlette:
    """Return the application.

    Args:
        keys: The ring that signs and reads its sessions.
    """
    policy = Policy.owasp()
    cookie = Cookie()
    codec: SessionCodec[Any] = SessionCodec(keys, context=cookie.context, policy=policy)

    async def show(request: Request) -> Response:
        session = _session(request)
        fresh = "csrf" not in session
        if fresh:
            session["csrf"] = secrets.token_urlsafe(16)
        now = whole_seconds(None)
        values = cookie.read(request.scope["headers"])
        token = values[0].decode("latin-1") if len(values) == 1 else None
        trial = None if token is None else Trial(token=token, keys=keys, policy=policy, now=now)
        view = View(session, policy, keys, now, cookie.name, trial, len(values), fresh=fresh)
        return _html(page.main(view, dict(request.query_params)))

    async def signed_out(request: Request) -> Response:
        # The raw header is enough to see that the cookie is gone: no session is begun.
        return _html(page.signed_out(sent=bool(cookie.read(request.scope["headers"]))))

    return Starlette(
        routes=[
            Route("/", show),
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
            Middleware(SessionMiddleware, SessionManager(codec, cookie=cookie)),
        ],
        exception_handlers={HTTPException: _refusal},
    )


async def sign_in(request: Request) -> Response:
    """Sign in under any name: a new session, with a new session id."""
    form = await _checked_form(request)
    name = form.get("name", "").strip()
    if not name or len(name) > MAX_NAME:
        raise HTTPException(400, f"Give a name of 1 to {MAX_NAME} characters.")
    session = _session(request)
    session.sign_in(name)
    session["csrf"] = secrets.token_urlsafe(16)  # known to nobody who saw the page before
    return _back()


async def change_cart(request: Request) -> Response:
    """Add a product to the cart, or empty it."""
    sku = (await _checked_form(request)).get("sku", "")
    session = _session(request)
    if not sku:
        session.pop("cart", None)
        return _back("#state")
    if sku not in PRODUCTS:
        raise HTTPException(400, "There is no such product.")
    cart = session.setdefault("cart", {})
    cart[sku] = min(cart.get(sku, 0) + 1, MAX_QUANTITY)
    return _back("#state")


async def set_theme(request: Request) -> Response:
    """Choose the colours of the page."""
    theme = (await _checked_form(request)).get("theme", "")
    if theme not in THEMES:
        raise HTTPException(400, "There is no such theme.")
    _session(request)["theme"] = theme
    return _back("#state")


async def sign_out(request: Request) -> Response:
    """Sign out: nothing is left of the session, so the cookie is deleted."""
    await _checked_form(request)
    _session(request).clear()
    return RedirectResponse("/signed-out", status_code=303)


def _session(request: Request) -> RequestSession[Any]:
    """Return ``request.session`` as what it is; Starlette's annotation says dict."""
    session: RequestSession[Any] = request.scope["session"]
    return session


async def _checked_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, once its token is found to be that of the session."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise HTTPException(413, f"A form has at most {MAX_FORM} bytes.")
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    form = {name: values[-1] for name, values in fields.items()}
    expected = str(_session(request).get("csrf", ""))
    if not expected:
        raise HTTPException(403, page.NO_SESSION)
    if not hmac.compare_digest(form.get("csrf", "").encode(), expected.encode()):
        raise HTTPException(403, page.WRONG_CSRF)
    return form


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _html(page.refusal(error.status_code, error.detail), status=error.status_code)


def _static(name: str) -> Any:
    content = files("tokensession.demo").joinpath(name).read_bytes()

    async def serve(_request: Request) -> Response:
        return Response(content, media_type=_TYPES[name], headers={"cache-control": "no-cache"})

    return serve


def _html(content: str, *, status: int = 200) -> Response:
    return HTMLResponse(content, status_code=status, headers={"cache-control": "no-store"})


def _back(fragment: str = "") -> Response:
    return RedirectResponse(f"/{fragment}", status_code=303)
