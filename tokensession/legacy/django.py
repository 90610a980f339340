"""Read the session cookie of Django's signed_cookies engine; django.core.signing verifies it.

>>> DjangoReader("the project's SECRET_KEY", until="2030-01-31")
DjangoReader(until='2030-01-31', ...)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import BadClaims, BadSignature, ConfigError, how_to_install
from tokensession.format.core_values import MAX_INT
from tokensession.legacy.payload import inflated_text, json_object
from tokensession.legacy.reader import LegacyReader, LegacySession, check_age, check_max_age

try:
    from django.core import signing
except ImportError as _missing:
    raise ConfigError(
        f"cookies of Django are verified by Django: {how_to_install('legacy-django')}"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.format.claims import Subject
    from tokensession.format.seconds import Duration

_SALT: Final = "django.contrib.sessions.backends.signed_cookies"


def _auth_user_id(state: Any) -> Any:
    return state.get("_auth_user_id")


@dataclass(frozen=True, eq=False, kw_only=True)
class DjangoReader(LegacyReader):
    """Reads the cookies of ``django.contrib.sessions.backends.signed_cookies``.

    It reads only JSON. A project with PickleSerializer (removed in Django 5) must change its
    serializer first. The other engines store sessions elsewhere, so their cookies contain none.

    Attributes: those of `LegacyReader`, and
        max_age: SESSION_COOKIE_AGE, after which Django refuses a cookie, in seconds or as a
            timedelta.
        subject: By default the user that ``django.contrib.auth`` has signed in.
    """

    cookie_name: str = "sessionid"
    subject: Callable[[Any], Subject] = _auth_user_id
    max_age: Duration | None = 14 * 86400

    def __post_init__(self) -> None:
        super().__post_init__()
        check_max_age(self.max_age)

    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        secret, *fallbacks = self.secrets
        # With explicit keys, Signer does not read the settings. The timestamp is part of what it
        # signs.
        signer = signing.Signer(key=secret, fallback_keys=fallbacks, salt=_SALT)
        try:
            signed = signer.unsign(values[0].decode("ascii"))
        except signing.BadSignature:
            raise BadSignature("the signature does not verify under the old secrets") from None
        payload, _, moment = signed.rpartition(":")
        try:
            start = signing.b62_decode(moment)
        except (ValueError, IndexError):
            start = -1
        if not 0 <= start <= MAX_INT:
            raise BadClaims("the signed value contains an impossible time")
        check_age(start, self.max_age, now)
        state = json_object(inflated_text(payload.encode("ascii")))
        return LegacySession(state, start, signed.encode("ascii"))
