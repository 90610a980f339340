"""The part of the page with two browsers, and the list of where their user is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.bench import LIMIT
from tokensession.tools.demo.markup import NOTHING, Html, confirmation, fill, join, load
from tokensession.tools.demo.panels.replay import replayed
from tokensession.tools.demo.trial import present
from tokensession.tools.wording import iso, plural, relative

if TYPE_CHECKING:
    from tokensession.tools.demo.signed_in import Row
    from tokensession.tools.demo.view import View

MAX_ROWS: Final = 5  # sessions that are shown: those of the limit, and the latest that ended

# What a visitor may call the next private window.
_LABELS: Final = ("Safari on iPhone", "Edge on Windows", "Firefox on Android", "Opera on macOS")
_ENDINGS: Final = {"user": "by the user", "limit": "by the limit", None: "by signing out"}

_PANEL: Final = load("signed_in.html")

_HERE: Final = load("signed_in_here.html")

_ELSEWHERE: Final = load("signed_in_elsewhere.html")

_TABLE: Final = load("signed_in_table.html")

_ROW: Final = load("signed_in_row.html")

_END: Final = '<button name="id" value="$id" aria-label="End the session $label">End</button>'
_REPLAY: Final = """\
<button form="send-again" name="replay" value="$id"$current
 aria-label="Replay the cookie of $label">Replay</button>
"""
_CURRENT: Final = Html(' aria-current="true"')
_MOMENT: Final = '<time datetime="$iso" data-second="$second">$relative</time>'


def signed_in_panel(view: View, csrf: Html, *, replay: str) -> Html:
    """Return the part with the two browsers and the list.

    Args:
        view: The request.
        csrf: The field that each form repeats.
        replay: The listed id of the session whose cookie is sent again, or empty.
    """
    return fill(
        _PANEL,
        limit=LIMIT,
        here=_here(view, csrf),
        elsewhere=_elsewhere(view, csrf),
        done=_done(view),
        title=_title(view),
        table=_table(view, csrf, replay),
        answer=join(replayed(row) for row in view.rows if row.session.id == replay),
    )


def _here(view: View, csrf: Html) -> Html:
    if view.session.subject is None:
        return fill('<p>Not signed in. <a href="#you">Sign in</a></p>')
    labels = {row.session.id: row.session.label for row in view.rows}
    label = labels.get(view.session.listed_id, "")
    return fill(_HERE, csrf=csrf, name=view.session.subject, label=label)


def _elsewhere(view: View, csrf: Html) -> Html:
    if view.viewer is None:
        return fill('<p class="note">Sign in with this browser first.</p>')
    label = _LABELS[len(view.rows) % len(_LABELS)]
    return fill(_ELSEWHERE, csrf=csrf, name=view.viewer, label=label)


def _title(view: View) -> Html:
    if view.viewer is None:
        return fill("Sessions that have ended")
    seen = "" if view.session.subject is not None else ", as the other browser sees them"
    return fill("The sessions of <bdi>$name</bdi>$seen", name=view.viewer, seen=seen)


def _table(view: View, csrf: Html, replay: str) -> Html:
    if not view.rows:
        return fill('<p class="note">None yet. Sign in first.</p>')
    rows = join(_row(view, row, replay) for row in view.rows[:MAX_ROWS])
    return fill(_TABLE, csrf=csrf, rows=rows)


def _row(view: View, row: Row, replay: str) -> Html:
    session = row.session
    marks = {view.session.listed_id: "this browser", view.window: "the other browser"}
    mark = marks.get(session.id) if row.is_listed else None
    over = "" if row.is_listed else ", which has ended"
    named = {"id": session.id, "label": f"{session.label}{over}"}
    current = _CURRENT if session.id == replay else NOTHING
    return fill(
        _ROW,
        kind="listed" if row.is_listed else "over",
        label=session.label,
        mark=NOTHING if mark is None else fill(' <span class="quiet">$mark</span>', mark=mark),
        started=_moment(session.started_at, view.now),
        seen=_moment(session.last_seen, view.now),
        ends=_moment(session.ends_at, view.now) if row.is_listed else _ended(row, view.now),
        cookie=_cookie(row),
        end=fill(_END, **named) if row.is_listed else NOTHING,
        replay=NOTHING if row.trial is None else fill(_REPLAY, current=current, **named),
    )


def _ended(row: Row, now: int) -> Html:
    if row.end is None:
        return fill("ended")
    by = _ENDINGS.get(row.end.by, "")
    return fill("$moment, $by", moment=_moment(row.end.at, now), by=by)


def _cookie(row: Row) -> Html:
    """Say what the reader makes of the session's cookie now."""
    if row.trial is None:
        return fill("not seen yet")
    code = present(row.trial).code
    template = '<span class="state life-$kind">$word</span>'
    return fill(template, kind="over" if code else "live", word=code or "accepted")


def _moment(second: int, now: int) -> Html:
    return fill(_MOMENT, iso=iso(second), second=second, relative=relative(second, now))


def _done(view: View) -> Html:
    """Say what the last form did, by what the directory and the audit log have of it."""
    listed = [row for row in view.rows if row.is_listed]
    ended = [row for row in view.rows if row.end is not None and not row.is_listed]
    if view.viewer is None or not listed:
        return NOTHING
    if view.done == "again":
        found = [row for row in listed if row.session.id == view.session.listed_id]
        return join(confirmation(_again(row.session.label)) for row in found)
    if view.done == "elsewhere":
        found = [row for row in listed if row.session.id == view.window]
        return join(confirmation(_elsewhere_told(row, ended)) for row in found)
    if view.done == "ended" and ended and ended[0].end is not None and ended[0].end.by == "user":
        return confirmation(f"“{ended[0].session.label}” has ended. Now replay its cookie.")
    if view.done == "others" and view.session.subject is not None:
        count = plural(len(listed), "session")
        return confirmation(f"This session goes on. You have {count} now.")
    return NOTHING


def _again(label: str) -> str:
    return f"This browser is signed in again as “{label}”. That session replaces its old one."


def _elsewhere_told(row: Row, ended: list[Row]) -> str:
    told = f"Another browser is signed in as “{row.session.label}”."
    for over in ended:
        end = over.end
        if end is not None and end.by == "limit" and end.at >= row.session.started_at:
            return f"{told} That was one beyond {LIMIT}, so “{over.session.label}” has ended."
    return told
