"""The part of the page that draws the key ring on a timeline, and changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.tools.demo.markup import NOTHING, Html, confirmation, fill, join, load
from tokensession.tools.demo.timeline import STATES, Stretch, next_change, revoked_at, stretches
from tokensession.tools.wording import duration, iso, relative

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.keys.jwk import Key
    from tokensession.tools.demo.view import View

BEFORE: Final = 900  # seconds of the past that are drawn
AFTER: Final = 2700  # and of the future: a superseded key ends within it
_TICK: Final = 900
_WIDE: Final = 1000  # units of a drawing, from its left to its right
_TOP: Final = {"active": 2, "pending": 5, "retiring": 8, "expired": 11, "revoked": 11}

_PANEL: Final = load("ring.html")

_DRAWING: Final = """\
<li><span class="who"><code>$kid</code> <span class="quiet">$state</span></span>
<svg viewBox="0 0 $wide 24" preserveAspectRatio="none" focusable="false">$bars
<line class="now" x1="$now" y1="0" x2="$now" y2="24" vector-effect="non-scaling-stroke"/></svg></li>
"""
_BAR: Final = '<rect class="bar-$state" x="$x" y="$y" width="$width" height="$height"/>'
_SWATCH: Final = """\
<li><svg viewBox="0 0 24 24" focusable="false"><rect class="bar-$state" x="0" y="$y" width="24"
 height="$height"/></svg><span><strong>$state</strong> $meaning</span></li>
"""

_KEY: Final = """\
<tr role="row"><th role="rowheader" data-label="kid"><code>$kid</code></th>
<td role="cell" data-label="algorithm">$algorithm</td>
<td role="cell" data-label="state"><span class="state">$state</span></td>
<td role="cell" data-label="signs from">$nbf</td>
<td role="cell" data-label="verifies until">$exp</td><td role="cell">$end</td></tr>
"""
_MOMENT: Final = '<time datetime="$iso" data-second="$second">$relative</time>'


def ring_panel(view: View, csrf: Html) -> Html:
    """Return the part with the key ring."""
    ring, now = view.keys, view.now
    states = ring.states(now)
    found = stretches(ring, now - BEFORE, now + AFTER)
    pending = "pending" in states.values()
    schedule = ring.schedule
    delay = 0 if schedule is None else schedule.propagation
    return fill(
        _PANEL,
        csrf=csrf,
        delay=duration(delay),
        drawings=join(_drawing(kid, states[kid], row, now) for kid, row in found.items()),
        ticks=join(_tick(at) for at in range(-BEFORE, AFTER + 1, _TICK)),
        legend=join(
            fill(_SWATCH, state=state, meaning=meaning, y=_TOP[state], height=24 - 2 * _TOP[state])
            for state, meaning in STATES.items()
        ),
        rotates=Html(" disabled") if pending else NOTHING,
        told="A key is pending: rotate again when it signs."
        if pending
        else f"Adds the next key, which signs in {duration(delay)}; sessions go on.",
        done=_done(view, states),
        rows=join(_row(view, ring[kid], state) for kid, state in states.items()),
        serial=ring.serial,
        next=next_change(ring, now) or "",
    )


def _done(view: View, states: Mapping[str, str]) -> Html:
    """Say what the last form did, by what the ring says."""
    of = {
        state: [kid for kid, its in states.items() if its == state]
        for state in ("pending", "revoked")
    }
    if view.done == "rotated" and of["pending"]:
        (kid, *_) = of["pending"]
        when = relative(view.keys[kid].nbf, view.now)
        return confirmation(f"Key {kid} is published, and signs {when}. Nobody is signed out.")
    if view.done == "revoked" and of["revoked"]:
        ended = "Revoked, with every session that they signed"
        return confirmation(f"{ended}: {', '.join(of['revoked'])}.")
    return NOTHING


def _x(second: int, now: int) -> float:
    return round(_WIDE * (second - now + BEFORE) / (BEFORE + AFTER), 1)


def _drawing(kid: str, state: str, row: list[Stretch], now: int) -> Html:
    bars = []
    for stretch in row:
        left, right = _x(stretch.start, now), _x(stretch.end, now)
        top = _TOP[stretch.state]
        bars.append(
            fill(
                _BAR,
                state=stretch.state,
                x=left,
                y=top,
                width=round(right - left, 1),
                height=24 - 2 * top,
            )
        )
    return fill(_DRAWING, kid=kid, state=state, bars=join(bars), wide=_WIDE, now=_x(now, now))


def _tick(at: int) -> Html:
    return fill("<span>$text</span>", text="now" if at == 0 else f"{at // 60:+d} min")


def _row(view: View, key: Key, state: str) -> Html:
    revoked = revoked_at(key)
    if revoked:
        exp = fill("revoked $when", when=_moment(revoked, view.now))
    else:
        exp = Html("no end") if key.exp is None else _moment(key.exp, view.now)
    if key.nbf > view.now and state == "active":
        nbf = fill("now, ahead of its date")  # the key that was to sign until then is gone
    else:
        nbf = _moment(key.nbf, view.now) if key.nbf else Html("any time")
    template = '<button name="kid" value="$kid" aria-label="Revoke the key $kid">Revoke</button>'
    return fill(
        _KEY,
        kid=key.kid,
        algorithm=key.algorithm,
        state=state,
        nbf=nbf,
        exp=exp,
        end=NOTHING if state in ("revoked", "expired") else fill(template, kid=key.kid),
    )


def _moment(second: int, now: int) -> Html:
    return fill(_MOMENT, iso=iso(second), second=second, relative=relative(second, now))
