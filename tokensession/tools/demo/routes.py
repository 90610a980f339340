"""The routes of the workbench, and what each request does with its session and its form.

A visitor takes a token apart, rotates or revokes keys, and ends other sessions.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.tokens.limits import MAX_TOKEN
from tokensession.tools.demo import page
from tokensession.tools.demo.view import View

if TYPE_CHECKING:
    from starlette.requests import Request

    from tokensession.tools.demo.bench import Bench
    from tokensession.web.request_session import RequestSession

MAX_FORM: Final = 4096  # bytes; all forms but one take a few hundred
MAX_TOKEN_FORM: Final = 32768  # bytes: a token's 8192 characters, each escaped, and a csrf token


class Operations:
    """The routes that show the bench and work at it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.show),
            Route("/token", self.take_apart, methods=["POST"]),
            Route("/rotate", self.rotate, methods=["POST"]),
            Route("/revoke-key", self.revoke_key, methods=["POST"]),
            Route("/revoke-others", self.revoke_others, methods=["POST"]),
            Route("/other-device", self.other_device, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the page."""
        return html(page.main(self._view(request), dict(request.query_params)))

    async def take_apart(self, request: Request) -> Response:
        """Show the page with a token that was pasted, of which nothing is kept."""
        form = await checked_form(request, most=MAX_TOKEN_FORM)
        token = form.get("token", "").strip()
        name, equals, value = token.partition("=")
        if equals and name == self._bench.cookie.name:
            token = value
        if not token or len(token) > MAX_TOKEN:
            raise HTTPException(400, f"Paste a token of 1 to {MAX_TOKEN} characters.")
        return html(page.main(self._view(request, pasted=token), {}))

    async def rotate(self, request: Request) -> Response:
        """Add the next key."""
        await checked_form(request)
        try:
            await asyncio.to_thread(self._bench.rotate, whole_seconds(None))
        except ConfigError as error:
            raise HTTPException(409, _sentence(error)) from error
        return back("keys", done="rotated")

    async def revoke_key(self, request: Request) -> Response:
        """Revoke a key of the ring."""
        kid = (await checked_form(request)).get("kid", "")
        if kid not in self._bench.keys.ring:
            raise HTTPException(400, "The ring has no such key.")
        await asyncio.to_thread(self._bench.revoke_key, kid, whole_seconds(None))
        return back("keys", done="revoked")

    async def revoke_others(self, request: Request) -> Response:
        """End the other sessions of who is signed in."""
        await checked_form(request)
        try:
            session_of(request).revoke_others()
        except ConfigError as error:
            raise HTTPException(409, _sentence(error)) from error
        return back("sessions", done="others")

    async def other_device(self, request: Request) -> Response:
        """Begin a session of who is signed in as if on another device."""
        await checked_form(request)
        subject = session_of(request).subject
        if subject is None:
            raise HTTPException(409, "No user is signed in, so there is no other device.")
        self._bench.sign_in_elsewhere(subject, whole_seconds(None))
        return back("sessions", done="device")

    def _view(self, request: Request, *, pasted: str | None = None) -> View:
        bench, session, now = self._bench, session_of(request), whole_seconds(None)
        fresh = "csrf" not in session
        if fresh:
            session["csrf"] = secrets.token_urlsafe(16)
        if session.kid:
            bench.seen.note(session, now)
        headers = request.scope["headers"]
        token = bench.token_of(headers)
        return View(
            session=session,
            policy=bench.policy,
            keys=bench.keys.ring,
            now=now,
            cookie_name=bench.cookie.name,
            trial=None if token is None else bench.trial(token, now),
            cookies=len(bench.cookie.read(headers)),
            fresh=fresh,
            sessions=tuple((seen, bench.life(seen, now)) for seen in bench.seen.latest()),
            stolen=None if bench.stolen is None else bench.trial(bench.stolen, now),
            pasted=None if pasted is None else bench.trial(pasted, now),
            done=request.query_params.get("done", ""),
        )


def session_of(request: Request) -> RequestSession[Any]:
    """Return ``request.session`` as what it is; Starlette's annotation says dict."""
    session: RequestSession[Any] = request.scope["session"]
    return session


async def checked_form(request: Request, *, most: int = MAX_FORM) -> dict[str, str]:
    """Return the fields of a form, once its token is found to be that of the session.

    Args:
        request: The request.
        most: The most bytes that its body may have.

    Raises:
        HTTPException: It has more, or not that token.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"This form has at most {most} bytes.")
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    form = {name: values[-1] for name, values in fields.items()}
    expected = str(session_of(request).get("csrf", ""))
    if not expected:
        raise HTTPException(403, page.NO_SESSION)
    if not hmac.compare_digest(form.get("csrf", "").encode(), expected.encode()):
        raise HTTPException(403, page.WRONG_CSRF)
    return form


def html(content: str, *, status: int = 200) -> Response:
    """Return a page as a response that no cache stores."""
    return HTMLResponse(content, status_code=status, headers={"cache-control": "no-store"})


def back(fragment: str, *, done: str) -> Response:
    """Return the way back to the page, at a part of it that says what was done."""
    return RedirectResponse(f"/?done={done}#{fragment}", status_code=303)


def _sentence(error: ConfigError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
