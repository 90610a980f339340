"""The token in what a person pastes: the token, a cookie, or a header of a request or response."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tokensession.tools.cli.streams import InputError
from tokensession.web.cookies import HEADER_CONTEXT, Cookie

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2}")
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_COOKIES: Final = re.compile(rf"(?:(set-)?cookie:[ \t]*)?({_NAME}=[^\n]*)", re.IGNORECASE)
_BEARER: Final = re.compile(
    rf"(?:authorization:[ \t]*)?bearer[ \t]+({_TOKEN.pattern})", re.IGNORECASE
)


class Pasted(NamedTuple):
    """A token, and the context that its place names, or None."""

    token: str
    context: str | None


def unwrapped(text: str, context: str | None) -> Pasted:
    """Return the token in a text; a text of another form is the token itself.

    Args:
        text: What was pasted, without the newline at its end.
        context: The context that was asked for, or None: it chooses among several cookies.

    Raises:
        InputError: Cookies without a token, or several with one. No name and no value is shown.
    """
    bearer = _BEARER.fullmatch(text)
    if bearer is not None:
        return Pasted(bearer[1], HEADER_CONTEXT)
    found = _COOKIES.fullmatch(text)
    if found is None or _TOKEN.fullmatch(found[2].partition("=")[0]):
        return Pasted(text, None)
    pairs = [pair.strip(" \t").partition("=") for pair in found[2].split(";")]
    if found[1]:
        pairs = pairs[:1]  # the others are attributes
    tokens = [
        Pasted(value, Cookie(name=name).context)
        for name, _, value in pairs
        if re.fullmatch(_NAME, name) and (_TOKEN.fullmatch(value) or len(pairs) == 1)
    ]
    wanted = [pasted for pasted in tokens if pasted.context == (context or "session")]
    for chosen in (wanted, tokens):
        if len(chosen) == 1:
            return chosen[0]
    if not tokens:
        raise InputError("none of these cookies holds a token")
    raise InputError(
        f"{len(tokens)} of these cookies hold a token: choose one by --context, the cookie's name "
        "without __Host- or __Secure-"
    )
