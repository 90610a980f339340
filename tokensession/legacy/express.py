"""Read the two cookies of Express's cookie-session: the state, and keygrip's signature.

>>> ExpressReader("the first of keys", until="2030-01-31", since="2030-01-01",
...               subject=lambda state: state.get("userId"))
ExpressReader(until='2030-01-31', ...)
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokensession.errors import BadSignature
from tokensession.legacy.payload import decoded, json_object
from tokensession.legacy.reader import LegacyReader, LegacySession, instant

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpressReader(LegacyReader):
    """Reads the cookies of cookie-session (not of express-session, whose state is in a store).

    The cookies contain no time. So two browsers with equal states have equal sessions, and revoking
    one of them ends both.

    Attributes: those of `LegacyReader`, and
        since: The start of all its sessions, for limits and revocations. Use the day of the change.
    """

    cookie_name: str = "session"
    since: str | date | int
    _start: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_start", instant("since", self.since))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the cookies with the state and with its signature."""
        return (self.cookie_name, f"{self.cookie_name}.sig")

    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:  # noqa: ARG002  # no time
        value, signature = values
        signed = self.cookie_name.encode("ascii") + b"=" + value
        # Always try all secrets, so that the time does not reveal their number.
        verified = [hmac.compare_digest(_keygrip(key, signed), signature) for key in self.secrets]
        if not any(verified):
            raise BadSignature("the signature does not verify under the old secrets")
        return LegacySession(json_object(decoded(value)), self._start, signed)


def _keygrip(secret: bytes, signed: bytes) -> bytes:
    """Return keygrip's signature: HMAC-SHA1, in base64url without padding."""
    return urlsafe_b64encode(hmac.digest(secret, signed, "sha1")).rstrip(b"=")
