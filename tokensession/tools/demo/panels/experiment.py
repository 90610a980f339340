"""The part of the page in which the token is changed, and the steps of a reader are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.tools.demo.changes import GROUPS, PREPARED, change_character, other_character
from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.verdict import first_difference, verdict
from tokensession.tools.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.tools.demo.trial import Trial
    from tokensession.tools.demo.view import View

_EXPERIMENT: Final = load("experiment.html")

_GROUP: Final = '<fieldset><legend>$name</legend><div class="choices">$choices</div></fieldset>'
_CHANGE: Final = '<button name="change" value="$name"$current>$title</button>'


class Asked(NamedTuple):
    """The experiment that a request asks for: a title, a sentence, and the trial."""

    sentence: str
    trial: Trial


def experiment_panel(view: View, query: Mapping[str, str]) -> Html:
    """Return the part of the page in which the token is changed."""
    base = view.trial
    if base is None:
        return NOTHING
    if not view.is_read:
        result = verdict(base, "The cookie is as your browser sent it.")
        template = '<section aria-label="Why it was refused">$result</section>'
        return fill(template, result=result)
    asked = _asked(base, query)
    current = query.get("change")
    last = len(base.token) - 1
    changed = base.token if asked is None else asked.trial.token
    at = first_difference(base.token, changed)
    return fill(
        _EXPERIMENT,
        last=last,
        at=at if at <= last else len(base.token) // 2,
        to=query.get("to", "")[:1],
        result=NOTHING
        if asked is None
        else verdict(asked.trial, asked.sentence, before=base.token),
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
