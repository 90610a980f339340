"""What one does at the workbench: take a token apart, rotate, revoke, end other sessions."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.tokens.limits import MAX_TOKEN
from tokensession.tools.demo import page
from tokensession.tools.demo.forms import back, checked_form, html, session_of
from tokensession.tools.demo.view import View

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from tokensession.tools.demo.bench import Bench

MAX_TOKEN_FORM: Final = 32768  # bytes: a token's 8192 characters, each escaped, and a csrf token


class Operations:
    """The routes that show the bench and work at it.

    Args:
        bench: What they work with.
    """

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
        return back("#keys")

    async def revoke_key(self, request: Request) -> Response:
        """Revoke a key of the ring."""
        kid = (await checked_form(request)).get("kid", "")
        if kid not in self._bench.keys.ring:
            raise HTTPException(400, "The ring has no such key.")
        await asyncio.to_thread(self._bench.revoke_key, kid, whole_seconds(None))
        return back("#keys")

    async def revoke_others(self, request: Request) -> Response:
        """End the other sessions of who is signed in."""
        await checked_form(request)
        try:
            session_of(request).revoke_others()
        except ConfigError as error:
            raise HTTPException(409, _sentence(error)) from error
        return back("#sessions")

    async def other_device(self, request: Request) -> Response:
        """Begin a session of who is signed in as if on another device."""
        await checked_form(request)
        subject = session_of(request).subject
        if subject is None:
            raise HTTPException(409, "Nobody is signed in, so there is no other device.")
        self._bench.sign_in_elsewhere(subject, whole_seconds(None))
        return back("#sessions")

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
        )


def _sentence(error: ConfigError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
