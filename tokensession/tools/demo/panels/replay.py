"""What two readers make of a copied cookie that is sent again: one with the list, one without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tools.demo.markup import NOTHING, Html, fill, join, load
from tokensession.tools.demo.trial import Outcome, present
from tokensession.tools.demo.verdict import headline

if TYPE_CHECKING:
    from tokensession.tools.demo.signed_in import Row

_ANSWER: Final = load("replay.html")

_READER: Final = """\
<div class="$kind"><p class="quiet">$reader</p><h4>$verdict</h4><p>$sentence</p></div>
"""

_NOT_ENDED: Final = "It is taken for the user's own. End the session, and replay it again."
_NO_LIST: Final = "Until it expires, nothing tells it from a cookie that was not stolen."


def replayed(row: Row) -> Html:
    """Return what the two readers make of the copy of a session's cookie."""
    if row.trial is None:
        return NOTHING
    with_list, without = row.trial, replace(row.trial, revocation=MemoryStore())
    readers = (
        _reader("A reader with the revocation list", present(with_list), _NOT_ENDED),
        _reader("A reader without one", present(without), _NO_LIST),
    )
    state = "while its session lives" if row.is_listed else "after the end of its session"
    return fill(_ANSWER, label=row.session.label, state=state, readers=join(readers))


def _reader(reader: str, outcome: Outcome, accepted: str) -> Html:
    passed = outcome.code is None
    return fill(
        _READER,
        kind="passed" if passed else "failed",
        reader=reader,
        verdict=headline(outcome),
        sentence=accepted if passed else outcome.sentence,
    )
