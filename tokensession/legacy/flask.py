"""Read Flask's session cookie; itsdangerous verifies its signature.

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
        max_age: PERMANENT_SESSION_LIFETIME, after which Flask refuses a cookie, in seconds or as a
            timedelta.

    Tuples become lists and Markup becomes text, as in any session here; datetimes and bytes stay.
    `convert` and `subject` receive a UUID unchanged. If one remains in the state, the cookie is
    refused.
    """

    max_age: Duration | None = 31 * 86400
    salt = b"cookie-session"
    key_derivation = "hmac"

    def _state(self, payload: bytes) -> Any:
        tagged = json_object(inflated_text(payload))
        state: Any = None
        with contextlib.suppress(*_MISTAGGED):
            state = _untagged(tagged)
        if not isinstance(
            state, dict
        ):  # not inside a try block, so that no chained exception holds the state
            raise BadClaims("the signed value is not a session of Flask")
        return state


class Markup(str):
    """Text that Flask would not escape. A session stores it as ordinary text."""

    __slots__ = ()


def _untagged(value: Any) -> Any:
    """Return the value of Flask's tagged JSON, for example a tuple for ``{" t": [1, 2]}``."""
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
# The errors for content that Flask does not write.
_MISTAGGED: Final = (ValueError, TypeError, AttributeError, ArithmeticError)
