"""HTML from templates in which everything is escaped, unless it is HTML already."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Html(str):
    """Text that is HTML, because `fill` or `join` made it."""

    __slots__ = ()


def load(name: str) -> str:
    """Return the text of a template file."""
    return files("tokensession.tools.demo").joinpath("templates", name).read_text("utf-8")


def fill(template: str, **values: object) -> Html:
    """Return a template with its ``$names`` filled in; a value that is not `Html` is escaped.

    Args:
        template: HTML as `string.Template` takes it, a part of the program. Attributes stand in
            double quotes.
        values: What to fill in.
    """
    safe = {
        name: value if isinstance(value, Html) else escape(str(value))
        for name, value in values.items()
    }
    return Html(Template(template).substitute(safe))


def join(pieces: Iterable[Html], *, between: str = "") -> Html:
    """Return pieces of HTML, one after the other."""
    return Html(escape(between).join(pieces))


NOTHING = Html("")


def confirmation(text: str) -> Html:
    """Return what says beside a form that it has worked."""
    return fill('<p class="done" role="status">$text</p>', text=text)
