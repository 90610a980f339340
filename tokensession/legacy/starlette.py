"""Read the session cookie of Starlette and FastAPI; itsdangerous verifies its signature.

>>> StarletteReader("the app's secret_key", until="2030-01-31",
...                 subject=lambda state: state.get("user_id"))
StarletteReader(until='2030-01-31', ...)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensession.legacy.itsdangerous import SignedReader
from tokensession.legacy.payload import decoded, json_object

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration


@dataclass(frozen=True, eq=False, kw_only=True)
class StarletteReader(SignedReader):
    """Reads the cookies of Starlette's SessionMiddleware.

    Attributes: those of `LegacyReader`, and
        max_age: Seconds after which Starlette refuses a cookie, or a timedelta: the
            middleware's `max_age`.
    """

    max_age: Duration | None = 14 * 86400
    salt = b"itsdangerous.Signer"
    key_derivation = "django-concat"

    def _state(self, payload: bytes) -> Any:
        return json_object(decoded(payload))
