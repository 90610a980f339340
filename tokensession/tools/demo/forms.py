"""What the page's requests have in common: their session, their form, and the answers to them."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tokensession.tools.demo import page

if TYPE_CHECKING:
    from starlette.requests import Request

    from tokensession.web.request_session import RequestSession

MAX_FORM: Final = 4096  # bytes; all forms but one take a few hundred


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
    """Return a page as the response, which nobody stores."""
    return HTMLResponse(content, status_code=status, headers={"cache-control": "no-store"})


def back(fragment: str = "") -> Response:
    """Return the way back to the page, at a part of it."""
    return RedirectResponse(f"/{fragment}", status_code=303)
