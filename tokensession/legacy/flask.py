"""Reads the session cookie of Flask: its data is kept, its signature checked by itsdangerous.

>>> FlaskReader("the app's SECRET_KEY", until="2030-01-31",
...             subject=lambda state: state.get("_user_id"))    # where Flask-Login has it
FlaskReader(until='2030-01-31', ...)
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tokensession.errors import BadClaims
from tokensession.legacy.itsdangerous import SignedReader
from tokensession.legacy.payload import decoded, inflated_text, json_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.seconds import Duration


@dataclass(frozen=True, eq=False, kw_only=True)
class FlaskReader(SignedReader):
    """Reads the cookies of Flask's own sessions.

    Attributes: those of `LegacyReader`, and
        max_age: Seconds after which Flask refuses a cookie, or a timedelta:
            PERMANENT_SESSION_LIFETIME.

    Tuples become lists, as in any session here; datetimes and bytes stay. A UUID or Markup in the
    state is given to `convert` and `subject` as such, and refuses the cookie if it stays.
    """

    max_age: Duration | None = 31 * 86400
    salt = b"cookie-session"
    key_derivation = "hmac"

    def _state(self, payload: bytes) -> Any:
        tagged = json_object(inflated_text(payload))
        state: Any = None
        with contextlib.suppress(*_MISTAGGED):
            state = _untagged(tagged)
        if not isinstance(state, dict):  # said here, so that no exception behind it holds the state
            raise BadClaims("what was signed is no session of Flask")
        return state


class Markup(str):
    """Text that Flask would not escape; without its promise, since a session cannot hold it."""

    __slots__ = ()


def _untagged(value: Any) -> Any:
    """Return what Flask's tagged JSON stands for: ``{" t": [1, 2]}`` for a tuple, and so on."""
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _untagged(item) for key, item in value.items()}
    if len(plain) == 1:
        ((tag, content),) = plain.items()
        if tag in _TAGS:
            return _TAGS[tag](content)
    return plain


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError
    return content


def _dict_like_a_tag(content: Any) -> dict[str, Any]:
    ((key, value),) = content.items()
    return {key.removesuffix("__"): value}


_TAGS: Final[dict[str, Callable[[Any], Any]]] = {
    " di": _dict_like_a_tag,
    " t": tuple,
    " b": lambda content: decoded(_text(content).encode("ascii")),
    " m": lambda content: Markup(_text(content)),
    " u": lambda content: UUID(_text(content)),
    " d": lambda content: parsedate_to_datetime(_text(content)),
}
# What they raise of content that Flask does not write.
_MISTAGGED: Final = (ValueError, TypeError, AttributeError, ArithmeticError)
