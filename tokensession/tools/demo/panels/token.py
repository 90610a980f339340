"""The part of the page that takes any token that is pasted, and shows its layers by byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tokensession.errors import TokenError
from tokensession.tokens.limits import MAX_TOKEN
from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.panels.cookie import coloured, legend
from tokensession.tools.demo.verdict import verdict
from tokensession.tools.dissect import Part, dissect
from tokensession.tools.explanation import explain
from tokensession.tools.wording import printable

if TYPE_CHECKING:
    from tokensession.tools.demo.trial import Trial
    from tokensession.tools.demo.view import View

_ROW: Final = 16  # bytes in a line of a dump

_PANEL: Final = load("token.html")

_ANSWER: Final = load("token_answer.html")

_LINE: Final = (
    '<tr class="part-$name"><th scope="row">$title</th><td>$at</td><td><code>$hex</code></td></tr>'
)
_FIELD: Final = "<div><dt>$name</dt><dd>$value</dd></div>"


def token_panel(view: View, csrf: Html) -> Html:
    """Return the part with the field for a token and, where one was sent, what it is."""
    pasted = view.pasted
    return fill(
        _PANEL,
        csrf=csrf,
        most=MAX_TOKEN,
        token="" if pasted is None else pasted.token,
        answer=NOTHING if pasted is None else _answer(pasted),
    )


def _answer(trial: Trial) -> Html:
    anatomy = dissect(trial.token)
    return fill(
        _ANSWER,
        verdict=verdict(trial, "The token as it was pasted.", name="pasted"),
        parts=coloured(trial.token),
        legend=legend(anatomy),
        bytes=join(line for part in anatomy.parts for line in _lines(part)),
        inside=_inside(trial),
    )


def _lines(part: Part) -> list[Html]:
    content = part.content
    if content is None:
        return [fill(_LINE, name=part.name, title=part.name, at="", hex="not to be decoded")]
    return [
        fill(
            _LINE,
            name=part.name,
            title=part.name if at == 0 else "",
            at=part.first_byte + at,
            hex=content[at : at + _ROW].hex(" "),
        )
        for at in range(0, max(len(content), 1), _ROW)
    ]


def _inside(trial: Trial) -> Html:
    """Return what the keys reveal; nothing of a token that is refused."""
    try:
        session = trial.read()
    except TokenError:
        return NOTHING
    state = printable(json.dumps(session.state, ensure_ascii=False, default=str))
    rows = [(row.name, row.value) for row in explain(session, trial.keys, now=trial.now)]
    items = join(fill(_FIELD, name=name, value=value) for name, value in [*rows, ("state", state)])
    return fill('<h3>What the key reveals</h3><dl class="facts">$items</dl>', items=items)
