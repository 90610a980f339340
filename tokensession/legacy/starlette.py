"""Reads the session cookie of Starlette and FastAPI; itsdangerous checks its signature.

>>> StarletteReader("the app's secret_key", until="2030-01-31",
...                 subject=lambda state: state.get("user_id"))
StarletteReader(until='2030-01-31', ...)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tokensession.legacy.itsdangerous import Verifier
from tokensession.legacy.payload import decoded, json_object
from tokensession.legacy.reader import LegacyReader, LegacySession, check_age, check_max_age


@dataclass(frozen=True, eq=False, kw_only=True)
class StarletteReader(LegacyReader):
    """Reads the cookies of Starlette's SessionMiddleware.

    Attributes: those of `LegacyReader`, and
        max_age: Seconds after which Starlette refuses a cookie: the middleware's `max_age`.
    """

    cookie_name: str = "session"
    max_age: int | None = 14 * 86400
    _verifier: Verifier = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_max_age(self.max_age)
        made = Verifier(self.secrets, b"itsdangerous.Signer", "django-concat")
        object.__setattr__(self, "_verifier", made)

    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        found = self._verifier.unsign(values[0])
        check_age(found.timestamp, self.max_age, now)
        return LegacySession(json_object(decoded(found.payload)), found.timestamp, found.signed)
