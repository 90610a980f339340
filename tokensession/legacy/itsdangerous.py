"""Text that itsdangerous has signed with a timestamp, as Flask's and Starlette's cookies are."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, NamedTuple

from tokensession.errors import BadClaims, BadSignature, ConfigError

try:
    import itsdangerous
except ImportError as _missing:
    raise ConfigError(
        "cookies of Flask and Starlette are verified by itsdangerous: "
        "pip install 'tokensession[legacy-flask]' or 'tokensession[legacy-starlette]'"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Sequence


class Unsigned(NamedTuple):
    """What a signature covers: its payload, its Unix second, and all of it as it stands."""

    payload: bytes
    timestamp: int
    signed: bytes


class Verifier:
    """Verifies what was signed under any of the secrets, whatever their order."""

    __slots__ = ("_signer",)

    def __init__(self, secrets: Sequence[bytes], salt: bytes, key_derivation: str) -> None:
        self._signer = itsdangerous.TimestampSigner(
            [*secrets], salt=salt, key_derivation=key_derivation, digest_method=sha1
        )

    def unsign(self, value: bytes) -> Unsigned:
        """Return what the signature of a cookie's value covers.

        Raises:
            BadSignature: It does not verify.
            BadClaims: It covers no time that a session could begin at.
        """
        try:
            payload, moment = self._signer.unsign(value, return_timestamp=True)
        except itsdangerous.BadSignature:
            raise BadSignature("the signature does not verify under the old secrets") from None
        except (ValueError, OverflowError, OSError):  # as platforms differ
            raise BadClaims("what was signed holds no time of this world") from None
        return Unsigned(payload, int(moment.timestamp()), value.rpartition(b".")[0])
