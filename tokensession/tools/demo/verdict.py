"""The ten checks of a reader, as a list that shows which of them refuses a token."""

from __future__ import annotations

from typing import Final

from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.trial import STEPS, Outcome, Trial, present
from tokensession.tools.wording import printable

_AROUND: Final = 14  # characters on each side of a change

_RESULT: Final = load("verdict_result.html")

_STEP: Final = (
    '<li class="$kind"$current><span class="verdict">$verdict</span><p>$text</p>$more</li>'
)
_CURRENT_STEP: Final = Html(' aria-current="step"')


def verdict(
    trial: Trial, sentence: str, *, before: str | None = None, name: str = "result"
) -> Html:
    """Return what the reader of a trial makes of its token.

    Args:
        trial: The token and its reader.
        sentence: What was done.
        before: The token as it was before that, or None where it was not changed.
        name: The id of the element.
    """
    outcome = present(trial)
    return fill(
        _RESULT,
        id=name,
        verdict=headline(outcome),
        sentence=sentence,
        difference=NOTHING if before is None else _difference(before, trial.token),
        steps=_steps(outcome),
    )


def headline(outcome: Outcome) -> Html:
    """Return what came of a trial, in a line."""
    if outcome.code is None:
        return fill("It is read")
    return fill("Step $n refuses it: <code>$code</code>", n=outcome.step, code=outcome.code)


def _steps(outcome: Outcome) -> Html:
    failing = len(STEPS) + 1 if outcome.step is None else outcome.step
    steps = []
    for number, text in enumerate(STEPS, 1):
        kind, word, more, current = "passed", "passed", NOTHING, NOTHING
        if number > failing:
            kind, word = "unreached", "not reached"
        elif number == failing:
            kind, word, current = "failed", "refused", _CURRENT_STEP
            template = '<p class="why"><strong>$sentence</strong> $detail</p>'
            detail = f"{outcome.detail[:1].upper()}{outcome.detail[1:]}"
            detail = "" if outcome.sentence.startswith(detail) else f"{detail}."
            more = fill(template, sentence=outcome.sentence, detail=detail)
        steps.append(fill(_STEP, kind=kind, verdict=word, text=text, more=more, current=current))
    return join(steps)


def _difference(before: str, after: str) -> Html:
    """Show the place at which two texts part, in both."""
    if before == after:
        return NOTHING
    at = first_difference(before, after)
    template = "<div><dt>$name</dt><dd><code>$left<mark>$here</mark>$right</code></dd></div>"
    lines = []
    for name, text in (("before", before), ("after", after)):
        start, end = max(0, at - _AROUND), at + 1 + _AROUND
        left = ("…" if start else "") + printable(text[start:at])
        right = printable(text[at + 1 : end]) + ("…" if end < len(text) else "")
        here = printable(text[at : at + 1]) or "(end)"
        lines.append(fill(template, name=name, left=left, here=here, right=right))
    return fill('<dl class="difference">$lines</dl>', lines=join(lines))


def first_difference(before: str, after: str) -> int:
    """Return the first index at which two texts differ; the length of the shorter if none."""
    pairs = enumerate(zip(before, after, strict=False))
    shorter = min(len(before), len(after))
    return next((index for index, (old, new) in pairs if old != new), shorter)
