"""The page: what a request's session holds, and around it the other pages and the frame of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.panels.cookie import cookie_panel
from tokensession.tools.demo.panels.experiment import experiment_panel
from tokensession.tools.demo.panels.ring import ring_panel
from tokensession.tools.demo.panels.session import session_panel
from tokensession.tools.demo.panels.signed_in import signed_in_panel
from tokensession.tools.demo.panels.token import token_panel
from tokensession.tools.dissect import dissect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.tools.demo.view import View

NO_SESSION: Final = (
    "This form came without a session cookie, so nothing shows that it came from this page. "
    "Either you have signed out in another tab, or the session has ended, or your browser keeps "
    "no Secure cookies from http://127.0.0.1: Chromium and Firefox do, Safari does not."
)
WRONG_CSRF: Final = (
    "The form does not carry the token of this session, so it may come from another site. "
    "If you have signed in or out in another tab meanwhile, go back and reload the page."
)

_FRAME: Final = load("frame.html")

_FORMS: Final = load("page_forms.html")


_REPLAY: Final = """\
<p>The session is on the revocation list as well, so a copy of its cookie is worth nothing:
<a href="/?replay=$id#replayed">replay my previous cookie</a>.</p>
"""


def main(view: View, query: Mapping[str, str]) -> Html:
    """Return the page of one request."""
    csrf = fill('<input type="hidden" name="csrf" value="$token">', token=view.session["csrf"])
    subject = view.session.subject
    content = join(
        (
            _notice(view),
            session_panel(view, csrf),
            cookie_panel(view),
            experiment_panel(view, query),
            token_panel(view, csrf),
            ring_panel(view, csrf),
            signed_in_panel(view, csrf, replay=query.get("replay", "")),
            fill(_FORMS, csrf=view.session["csrf"]),
        )
    )
    status = "Not signed in" if subject is None else fill("Signed in as <bdi>$n</bdi>", n=subject)
    return _frame("Your session", content, theme=view.theme, status=status, now=view.now)


def signed_out(*, sent: bool, replay: str | None) -> Html:
    """Return the page after signing out.

    Args:
        sent: Whether the request has a session cookie again.
        replay: The listed id of the session that was signed out of, or None.
    """
    told = (
        "This request carries a session cookie again: that of a new session."
        if sent
        else "The cookie is deleted. This request carried none, and its response sets none."
    )
    template = (
        '<section><h1>Signed out</h1><p class="lead">$told</p>'
        '$replay<p><a class="button" href="/">Begin again</a></p></section>'
    )
    link = NOTHING if replay is None else fill(_REPLAY, id=replay)
    return _frame("Signed out", fill(template, told=told, replay=link))


def refusal(status: int, detail: str) -> Html:
    """Return the page of a request that was refused."""
    template = (
        '<section><h1>Refused</h1><p class="lead">$detail</p>'
        '<p class="note">HTTP status $status</p>'
        '<p><a class="button" href="/">Back to your session</a></p></section>'
    )
    return _frame("Refused", fill(template, detail=detail, status=status))


def _frame(
    title: str, content: Html, *, theme: str = "auto", status: str = "", now: int = 0
) -> Html:
    shown = fill('<p class="status">$status</p>', status=status) if status else NOTHING
    return fill(_FRAME, title=title, content=content, theme=theme, status=shown, now=now)


def _notice(view: View) -> Html:
    """Say why the cookie gave no session, when it gave none."""
    code = view.session.refused
    if code is None:
        return NOTHING
    several = f"{view.cookies} cookies of this name came, and none can be told to be yours."
    template = (
        '<p class="notice" role="status"><strong>The cookie that your browser sent was refused: '
        "<code>$code</code>.</strong> $why A new session has begun.</p>"
    )
    return fill(template, code=code, why=several if view.cookies > 1 else _why(view, code))


def _why(view: View, code: str) -> str:
    kid = None if view.trial is None else dissect(view.trial.token).unverified_kid
    if code == "revoked":
        return "Its session was ended: from another browser, by the limit, or with a key."
    if code == "unknown_key" and kid in view.keys:
        return "Its key was revoked or has expired."
    return "Perhaps it is of an earlier run of this program, whose keys are gone."
