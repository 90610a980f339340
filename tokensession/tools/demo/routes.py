"""The routes of the workbench, and what each request does with its session and its form.

A visitor takes a token apart, rotates or revokes keys, signs in elsewhere, and ends sessions.
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
    from collections.abc import Mapping

    from starlette.requests import Request

    from tokensession.format.claims import Subject
    from tokensession.sessions.session import Session
    from tokensession.tools.demo.bench import Bench
    from tokensession.web.request_session import RequestSession

MAX_NAME: Final = 64  # characters of a user's name, and of a label
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
            Route("/end-session", self.end_session, methods=["POST"]),
            Route("/other-browser", self.sign_in_elsewhere, methods=["POST"]),
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
        return back("signed-in", done="others")

    async def end_session(self, request: Request) -> Response:
        """End one session of the list."""
        name = (await checked_form(request)).get("id", "")
        viewer = self._known_viewer(request)
        if not self._bench.codec.end_session(viewer, name):
            raise HTTPException(409, "This user has no such session, or it has ended meanwhile.")
        return back("signed-in", done="ended")

    async def sign_in_elsewhere(self, request: Request) -> Response:
        """Sign the user of the list in with another browser."""
        label = label_of(await checked_form(request))
        viewer = self._known_viewer(request)
        cookie = self._bench.sign_in_elsewhere(viewer, label, whole_seconds(None))
        response = back("signed-in", done="elsewhere")
        response.headers.append("set-cookie", cookie.decode())
        return response

    def _known_viewer(self, request: Request) -> str | int:
        window = self._bench.window(request.scope["headers"], whole_seconds(None))
        viewer = viewer_of(session_of(request), window)
        if viewer is None:
            raise HTTPException(409, "No user is signed in, so there is no list of sessions.")
        return viewer

    def _view(self, request: Request, *, pasted: str | None = None) -> View:
        bench, session, now = self._bench, session_of(request), whole_seconds(None)
        fresh = "csrf" not in session
        if fresh:
            session["csrf"] = secrets.token_urlsafe(16)
        headers = request.scope["headers"]
        token = bench.token_of(headers)
        if session.kid:
            bench.keep_copy(session, token, now)
        window = bench.window(headers, now)
        viewer = viewer_of(session, window)
        return View(
            session=session,
            policy=bench.policy,
            keys=bench.keys.ring,
            now=now,
            cookie_name=bench.cookie.name,
            trial=None if token is None else bench.trial(token, now),
            cookies=len(bench.cookie.read(headers)),
            fresh=fresh,
            viewer=viewer,
            rows=bench.rows(viewer, now),
            window="" if window is None else window.listed_id,
            pasted=None if pasted is None else bench.trial(pasted, now),
            done=request.query_params.get("done", ""),
        )


def session_of(request: Request) -> RequestSession[Any]:
    """Return ``request.session`` as what it is; Starlette's annotation says dict."""
    session: RequestSession[Any] = request.scope["session"]
    return session


def viewer_of(session: Session[Any], window: Session[Any] | None) -> Subject:
    """Return whose list a request sees: its own user's, or else that of the other browser's."""
    if session.subject is not None or window is None:
        return session.subject
    return window.subject


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


def label_of(form: Mapping[str, str]) -> str:
    """Return the label of a form that signs in.

    Raises:
        HTTPException: It has no such field, an empty one, or too long a text.
    """
    label = form.get("label", "").strip()
    if not label or len(label) > MAX_NAME:
        raise HTTPException(400, f"Give a label of 1 to {MAX_NAME} characters.")
    return label


def html(content: str, *, status: int = 200) -> Response:
    """Return a page as a response that no cache stores."""
    return HTMLResponse(content, status_code=status, headers={"cache-control": "no-store"})


def back(fragment: str, *, done: str) -> Response:
    """Return the way back to the page, at a part of it that says what was done."""
    return RedirectResponse(f"/?done={done}#{fragment}", status_code=303)


def _sentence(error: ConfigError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
