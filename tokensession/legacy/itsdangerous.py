"""Read cookies that itsdangerous has signed with a timestamp, as Flask and Starlette do."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, Any, ClassVar

from tokensession.errors import BadClaims, BadSignature, ConfigError, how_to_install
from tokensession.legacy.reader import LegacyReader, LegacySession, check_age, check_max_age

if TYPE_CHECKING:
    from tokensession.format.seconds import Duration

try:
    import itsdangerous
except ImportError as _missing:
    raise ConfigError(
        f"cookies of Flask and Starlette are verified by itsdangerous: "
        f"{how_to_install('legacy-flask')} (or legacy-starlette)"
    ) from _missing


@dataclass(frozen=True, eq=False, kw_only=True)
class SignedReader(LegacyReader):
    """Reads one cookie that any of the secrets has signed.

    Attributes: those of `LegacyReader`, and
        max_age: The age after which the other library refuses a cookie, in seconds or as a
            timedelta; None for no limit.
        salt: The salt of itsdangerous, which names a purpose.
        key_derivation: ``hmac`` or ``django-concat``.
    """

    cookie_name: str = "session"
    max_age: Duration | None
    salt: ClassVar[bytes]
    key_derivation: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_max_age(self.max_age)

    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        (value,) = values
        signer = itsdangerous.TimestampSigner(
            self.secrets, salt=self.salt, key_derivation=self.key_derivation, digest_method=sha1
        )
        try:
            payload, moment = signer.unsign(value, return_timestamp=True)
        except itsdangerous.BadSignature:
            raise BadSignature("the signature does not verify under the old secrets") from None
        except (ValueError, OverflowError, OSError):  # the error depends on the platform
            raise BadClaims("the signed value contains an impossible time") from None
        start = int(moment.timestamp())
        check_age(start, self.max_age, now)
        return LegacySession(self._state(payload), start, value.rpartition(b".")[0])

    @abstractmethod
    def _state(self, payload: bytes) -> Any:
        """Return the state in an authentic payload."""
