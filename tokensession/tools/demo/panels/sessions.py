"""The part of the page that lists the sessions it has seen, ends them, and replays a dead one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.verdict import verdict
from tokensession.tools.wording import iso, relative

if TYPE_CHECKING:
    from tokensession.tools.demo.view import View

_PANEL: Final = load("sessions.html")

_TABLE: Final = load("sessions_table.html")

_ROW: Final = """\
<tr><th scope="row"><code>$sid</code>$here</th><td><bdi>$subject</bdi></td>
<td><span class="state life-$kind">$life</span></td>
<td><time datetime="$iso" data-second="$second">$used</time></td><td><code>$kid</code></td></tr>
"""

_OTHERS: Final = load("sessions_others.html")

_REPLAY: Final = load("sessions_replay.html")


def sessions_panel(view: View, csrf: Html, *, replays: bool) -> Html:
    """Return the part with the sessions."""
    return fill(
        _PANEL,
        table=_table(view),
        others=_none_to_end() if view.session.subject is None else fill(_OTHERS, csrf=csrf),
        replay=_replay(view, replays=replays),
    )


def _none_to_end() -> Html:
    return fill('<p class="note">Sign in to end the sessions of your other devices.</p>')


def _table(view: View) -> Html:
    if not view.sessions:
        return fill('<p class="note">None yet: the first is seen when its cookie comes back.</p>')
    rows = []
    for seen, life in view.sessions:
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
    return fill(_TABLE, rows=join(rows))


_HERE: Final = Html(' <span class="quiet">this one</span>')


def _replay(view: View, *, replays: bool) -> Html:
    if view.stolen is None:
        template = (
            '<p class="note">Sign in and out once, and your previous cookie can be tried.</p>'
        )
        return fill(template)
    sentence = "The token that your cookie held before the last sign-out, sent again as it was."
    answer = verdict(view.stolen, sentence, name="replayed") if replays else NOTHING
    return fill(_REPLAY, answer=answer)
