"""The part of the page in which the token is changed, and the steps of a reader are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.anatomy import printable
from tokensession.demo.changes import GROUPS, PREPARED, change_character, other_character
from tokensession.demo.markup import NOTHING, Html, fill, join
from tokensession.demo.trial import STEPS, present

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.demo.trial import Trial
    from tokensession.demo.view import View

_AROUND: Final = 14  # characters on each side of a change
_REVOCATION: Final = 9  # the step that this application has not set up

_EXPERIMENT: Final = """\
<section aria-labelledby="experiment">
<h2 id="experiment">Change it, and see which check refuses it</h2>
<p class="note">Only a copy is changed: your session goes on. The reader is the library's own.</p>
<form class="row" id="change-one" method="get" action="/#result">
<label for="at">Change the character at position</label>
<input id="at" name="at" type="number" required min="0" max="$last" value="$at" inputmode="numeric"
 aria-describedby="picked">
<label for="to">to</label>
<input id="to" name="to" maxlength="1" size="1" autocomplete="off" autocapitalize="none"
 value="$to" placeholder="any" class="one">
<button class="primary">Change it</button>
<output id="picked" for="at" class="note">0 to $last, counted from the left; leave “to” empty for
any other character</output>
</form>
<form class="groups" method="get" action="/#result">$groups</form>
$result
</section>
"""

_GROUP: Final = '<fieldset><legend>$name</legend><div class="choices">$choices</div></fieldset>'
_CHANGE: Final = '<button name="change" value="$name"$current>$title</button>'

_RESULT: Final = """\
<div class="result" id="result" tabindex="-1" role="region" aria-labelledby="verdict">
<h3 id="verdict">$verdict</h3>
<p>$sentence</p>$difference
<ol class="steps">$steps</ol>
<p class="note">The visitor of a site learns none of this: whatever the code, there is just no
session. The log of the application has the code.</p>
</div>
"""

_STEP: Final = (
    '<li class="$kind"$current><span class="verdict">$verdict</span><p>$text</p>$more</li>'
)


class Asked(NamedTuple):
    """The experiment that a request asks for: a title, a sentence, and the trial."""

    sentence: str
    trial: Trial


def experiment_panel(view: View, query: Mapping[str, str]) -> Html:
    """Return the part of the page in which the token is changed.

    Args:
        view: What the request has.
        query: ``change``, the name of a prepared one; or ``at``, a position, and perhaps ``to``.
    """
    base = view.trial
    if base is None:
        return NOTHING
    if not view.is_read:
        result = _result(base, Asked("The cookie is as your browser sent it.", base))
        template = '<section aria-label="Why it was refused">$result</section>'
        return fill(template, result=result)
    asked = _asked(base, query)
    current = query.get("change")
    last = len(base.token) - 1
    changed = base.token if asked is None else asked.trial.token
    at = _first_difference(base.token, changed)
    return fill(
        _EXPERIMENT,
        last=last,
        at=at if at <= last else len(base.token) // 2,
        to=query.get("to", "")[:1],
        result=NOTHING if asked is None else _result(base, asked),
        groups=join(
            fill(
                _GROUP,
                name=group,
                choices=join(
                    fill(
                        _CHANGE,
                        name=change.name,
                        title=change.title,
                        current=_CURRENT if change.name == current else NOTHING,
                    )
                    for change in changes
                ),
            )
            for group, changes in GROUPS.items()
        ),
    )


_CURRENT: Final = Html(' aria-current="true"')
_CURRENT_STEP: Final = Html(' aria-current="step"')


def _asked(base: Trial, query: Mapping[str, str]) -> Asked | None:
    change = PREPARED.get(query.get("change", ""))
    if change is not None:
        return Asked(change.sentence, change.make(base))
    position = query.get("at", "")
    if not (position.isascii() and position.isdigit() and len(position) < 6):  # noqa: PLR2004
        return None
    at = int(position)
    if at >= len(base.token):
        return None
    to = query.get("to", "")[:1] or other_character(base.token[at])
    sentence = f"Character {at} was {base.token[at]} and is {printable(to)}."
    return Asked(sentence, change_character(base, at, to))


def _result(base: Trial, asked: Asked) -> Html:
    outcome = present(asked.trial)
    verdict = (
        "It is read"
        if outcome.code is None
        else fill("Step $n refuses it: <code>$code</code>", n=outcome.step, code=outcome.code)
    )
    failing = len(STEPS) + 1 if outcome.step is None else outcome.step
    steps = []
    for number, text in enumerate(STEPS, 1):
        kind, word, more, current = "passed", "passed", NOTHING, NOTHING
        if number > failing:
            kind, word = "unreached", "not reached"
        elif number == failing:
            kind, word, current = "failed", "refused", _CURRENT_STEP
            template = '<p class="why"><strong>$sentence</strong> $detail</p>'
            detail = f"{outcome.detail[:1].upper()}{outcome.detail[1:]}."
            more = fill(template, sentence=outcome.sentence, detail=detail)
        elif number == _REVOCATION:
            kind, word = "unreached", "not set up"
        steps.append(fill(_STEP, kind=kind, verdict=word, text=text, more=more, current=current))
    return fill(
        _RESULT,
        verdict=verdict,
        sentence=asked.sentence,
        difference=_difference(base.token, asked.trial.token),
        steps=join(steps),
    )


def _difference(before: str, after: str) -> Html:
    """Show the place at which two texts part, in both."""
    if before == after:
        return NOTHING
    at = _first_difference(before, after)
    template = "<div><dt>$name</dt><dd><code>$left<mark>$here</mark>$right</code></dd></div>"
    lines = []
    for name, text in (("before", before), ("after", after)):
        start, end = max(0, at - _AROUND), at + 1 + _AROUND
        left = ("…" if start else "") + printable(text[start:at])
        right = printable(text[at + 1 : end]) + ("…" if end < len(text) else "")
        here = printable(text[at : at + 1]) or "(end)"
        lines.append(fill(template, name=name, left=left, here=here, right=right))
    return fill('<dl class="difference">$lines</dl>', lines=join(lines))


def _first_difference(before: str, after: str) -> int:
    """Return the first index at which two texts differ; the length of the shorter if none."""
    pairs = enumerate(zip(before, after, strict=False))
    shorter = min(len(before), len(after))
    return next((index for index, (old, new) in pairs if old != new), shorter)
