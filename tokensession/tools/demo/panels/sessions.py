"""The part of the page that lists the sessions it has seen, ends them, and replays a dead one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tools.demo.markup import NOTHING, Html, confirmation, fill, join, load
from tokensession.tools.demo.verdict import verdict
from tokensession.tools.wording import iso, plural, relative

if TYPE_CHECKING:
    from tokensession.tools.demo.view import View

MAX_ROWS: Final = 5  # sessions that are shown, so that the page stays short

_PANEL: Final = load("sessions.html")

_TABLE: Final = load("sessions_table.html")

_ROW: Final = """\
<tr role="row"><th role="rowheader" data-label="session id"><code>$sid</code>$here</th>
<td role="cell" data-label="subject"><bdi>$subject</bdi></td>
<td role="cell" data-label="state"><span class="state life-$kind">$life</span></td>
<td role="cell" data-label="last used"><time datetime="$iso" data-second="$second">$used</time></td>
<td role="cell" data-label="key"><code>$kid</code></td></tr>
"""

_OTHERS: Final = load("sessions_others.html")

_REPLAY: Final = load("sessions_replay.html")


def sessions_panel(view: View, csrf: Html, *, replay: str) -> Html:
    """Return the part with the sessions."""
    return fill(
        _PANEL,
        table=_table(view),
        others=_none_to_end() if view.session.subject is None else fill(_OTHERS, csrf=csrf),
        done=_done(view),
        replay=_replay(view, replay),
    )


def _none_to_end() -> Html:
    return fill('<p class="note">Sign in to end the sessions of your other devices.</p>')


def _table(view: View) -> Html:
    if not view.sessions:
        return fill('<p class="note">None yet: the first is seen when its cookie comes back.</p>')
    rows = []
    for seen, life in view.sessions[:MAX_ROWS]:
        here = seen.sid == view.session.sid
        rows.append(
            fill(
                _ROW,
                sid=f"{seen.sid.hex()[:8]}…",
                here=_HERE if here else NOTHING,
                subject="no user" if seen.subject is None else seen.subject,
                life=life,
                kind="live" if life == "live" else "over",
                iso=iso(seen.used_at),
                second=seen.used_at,
                used=relative(seen.used_at, view.now),
                kid=seen.kid,
            )
        )
    hidden = len(view.sessions) - len(rows)
    told = f"And {plural(hidden, 'session')} that were used before." if hidden > 0 else ""
    more = fill('<p class="note">$told</p>', told=told) if told else NOTHING
    return fill(_TABLE, rows=join(rows), more=more)


def _done(view: View) -> Html:
    """Say what the last form did, by what has become of the sessions."""
    mine = [life for seen, life in view.sessions if seen.subject == view.session.subject]
    if view.session.subject is None:
        return NOTHING
    if view.done == "device":
        live = plural(mine.count("live"), "live session")
        return confirmation(f"The second device is signed in. You have {live} now.")
    if view.done == "others":
        ended = len(mine) - mine.count("live")
        return confirmation(f"This session goes on. Ended of yours: {ended}.")
    return NOTHING


_HERE: Final = Html(' <span class="quiet">this one</span>')


def _replay(view: View, reader: str) -> Html:
    if view.stolen is None:
        told = "Sign in and out once. Then your previous cookie can be sent again here."
        return fill('<p class="note">$told</p>', told=told)
    if reader == "without":
        without = replace(view.stolen, revocation=MemoryStore())
        sentence = (
            "The token of before the last sign-out, before a reader that knows of no revocation. "
            "Until it expires, nothing tells it from a cookie that was not stolen."
        )
        return fill(_REPLAY, answer=verdict(without, sentence, name="replayed"))
    sentence = "The token of before the last sign-out, before a reader with the revocation list."
    answer = verdict(view.stolen, sentence, name="replayed") if reader else NOTHING
    return fill(_REPLAY, answer=answer)
