"""The part of the page that lists the sessions it has seen, ends them, and replays a dead one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join
from tokensession.tools.demo.verdict import verdict
from tokensession.tools.wording import iso, relative

if TYPE_CHECKING:
    from tokensession.tools.demo.view import View

_PANEL: Final = """\
<section aria-labelledby="sessions">
<h2 id="sessions">Sessions that were seen here</h2>
<p class="note">A stateless application has no such list: this page remembers the last ids that it
has read, in memory. Ending one takes a revocation list, which holds what was ended and nothing
else.</p>
$table
$others
<h3 id="replay">A stolen cookie, after signing out</h3>
$replay
</section>
"""

_TABLE: Final = """\
<div class="scroll" tabindex="0" role="region" aria-labelledby="sessions"><table>
<thead><tr><th scope="col">session id</th><th scope="col">subject</th><th scope="col">state</th>
<th scope="col">last used</th><th scope="col">key</th></tr></thead>
<tbody>$rows</tbody></table></div>
"""

_ROW: Final = """\
<tr><th scope="row"><code>$sid</code>$here</th><td><bdi>$subject</bdi></td>
<td><span class="state life-$kind">$life</span></td>
<td><time datetime="$iso" data-second="$second">$used</time></td><td><code>$kid</code></td></tr>
"""

_OTHERS: Final = """\
<div class="choices">
<form method="post" action="/other-device">$csrf<button>Sign in on a second device</button></form>
<form method="post" action="/revoke-others">$csrf<button>Log out my other devices</button></form>
</div>
<p class="note">The second device is made up: its session is real, and nobody has its token. A
private window of your browser is a real one.</p>
"""

_REPLAY: Final = """\
<p>Whoever copied your cookie before you signed out has this token still. Send it again:</p>
<form method="get" action="/#replayed">
<button name="replay" value="previous">Replay my previous cookie</button></form>
$answer
"""


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
                subject="nobody" if seen.subject is None else seen.subject,
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
