"""The part of the page that takes the cookie apart: its bytes, its size, and what it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.dissect import MAX_COOKIE, Anatomy, dissect
from tokensession.tools.explanation import describe
from tokensession.tools.wording import duration, iso, printable, relative

if TYPE_CHECKING:
    from tokensession.tools.demo.view import View

MAX_SHOWN: Final = 8192  # characters of a cookie that are shown; a token has no more

_COOKIE: Final = load("cookie.html")

_NO_COOKIE: Final = load("cookie_no_cookie.html")

_PART: Final = """\
<li class="part-$name"><h4>$name</h4><p class="extent"><code>$extent</code></p>
<p>$explanation</p></li>
"""

_DATE: Final = """\
<div><dt>$name</dt><dd><time datetime="$iso" data-second="$second">$relative</time>
<span class="quiet">$iso</span></dd></div>
"""

_ITEM: Final = "<div><dt>$name</dt><dd>$value</dd></div>"


def cookie_panel(view: View) -> Html:
    """Return the part of the page that takes the cookie apart."""
    if view.trial is None:
        told = (
            f"This request carried {view.cookies} cookies named {view.cookie_name}."
            if view.cookies
            else "This request carried none. The response sets one, so your browser has it now."
        )
        return fill(_NO_COOKIE, told=told)
    anatomy = dissect(view.trial.token)
    size = len(view.cookie_name) + anatomy.characters
    return fill(
        _COOKIE,
        name=view.cookie_name,
        parts=coloured(view.trial.token[:MAX_SHOWN]),
        most=MAX_COOKIE,
        size=size,
        share=f"{round(100 * size / MAX_COOKIE)} %",
        inside=_inside(view) if view.is_read else NOTHING,
        legend=legend(anatomy),
    )


def legend(anatomy: Anatomy) -> Html:
    """Return the items of a list that explains the parts of a token."""
    rows = {row.name: row for row in describe(anatomy)}
    text = rows.get("header text")
    return join(
        fill(
            _PART,
            name=part.name,
            extent=rows[part.name].value
            + (f": {text.value}" if part.name == "header" and text else ""),
            explanation=rows[part.name].explanation,
        )
        for part in anatomy.parts
    )


def coloured(token: str) -> Html:
    """Return a token as text in which each part has its colour."""
    pieces, at = [], 0
    for part in dissect(token).parts:
        dots = token[at : part.start]
        pieces.append(fill('<span class="quiet">$dots</span>', dots=dots) if dots else NOTHING)
        template = '<span class="part part-$name" data-part="$name">$text</span>'
        pieces.append(fill(template, name=part.name, text=token[part.start : part.end]))
        at = part.end
    return join(pieces)


def _inside(view: View) -> Html:
    session, policy = view.session, view.policy
    renewal = session.issued_at + int(policy.renew_after * session.ttl)
    limit = policy.limit(session.cap)
    dates = {
        "session began": session.started_at,
        "token made": session.issued_at,
        "renewed from": renewal,
        "token dies": session.expires_at,
        "session ends in any case": None if limit is None else session.started_at + limit,
    }
    items = [
        fill(_DATE, name=name, second=at, iso=iso(at), relative=relative(at, view.now))
        for name, at in dates.items()
        if at is not None and (at is not renewal or renewal < session.expires_at)
    ]
    values = {
        "subject": fill("<bdi>$subject</bdi>", subject=session.subject or "none yet"),
        "session id": fill('<code class="wrap">$sid</code>', sid=session.sid.hex()),
        "state": fill('<code class="wrap">$state</code>', state=_state_text(session.state)),
        "idle window": duration(session.ttl),
    }
    items[:0] = [fill(_ITEM, name=name, value=value) for name, value in values.items()]
    template = '<h3>What the key reveals</h3><dl class="facts">$items</dl>'
    return fill(template, items=join(items))


def _state_text(state: object) -> str:
    return printable(json.dumps(state, ensure_ascii=False))
