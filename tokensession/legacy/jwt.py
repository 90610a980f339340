"""Read a signed JWT in a session cookie; PyJWT's algorithms verify its signature.

>>> JWTReader("the secret that signs", algorithm="HS256", cookie_name="token",
...           until="2030-01-31", audience="shop")
JWTReader(until='2030-01-31', ...)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jwt

from tokensession.errors import (
    BadClaims,
    BadSignature,
    ConfigError,
    Expired,
    Malformed,
    NotYetValid,
)
from tokensession.format.base64url import NotCanonical, b64url_decode
from tokensession.format.core_values import MAX_INT
from tokensession.legacy.payload import json_object
from tokensession.legacy.reader import LegacyReader, LegacySession, instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from jwt.algorithms import Algorithm

    from tokensession.format.claims import Subject

LEEWAY: Final = 60  # seconds by which the issuer's clock can be ahead
_SEGMENTS: Final = 3
# RFC 7519, section 4.1: they describe the token, and a session has its own.
_REGISTERED: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


def _sub(claims: Any) -> Any:
    return claims.get("sub")


def _private_claims(claims: Any) -> Any:
    return {name: claim for name, claim in claims.items() if name not in _REGISTERED}


@dataclass(frozen=True, eq=False, kw_only=True)
class JWTReader(LegacyReader):
    """Reads JWTs of one algorithm (RFC 7515 and 7519, signed but not encrypted).

    Attributes: those of `LegacyReader`, and
        secret: The HMAC secret, or the public key as PEM; so are `fallbacks`.
        algorithm: The algorithm of the JWTs; others are refused.
        audience: The required value of ``aud``, or one of its values. Without it, a JWT with
            ``aud`` is refused.
        issuer: The required value of ``iss``; None accepts any.
        since: The start of sessions whose JWT has no ``iat``; None refuses them.
        subject: By default the claim ``sub``.
        convert: By default removes the registered claims, such as ``exp``.

    A key that also signs other JWTs (for example to reset a password) needs `audience`. Or pass a
    `convert` that raises ValueError for a JWT that is not a session.
    """

    algorithm: str
    subject: Callable[[Any], Subject] = _sub
    convert: Callable[[Any], Any] | None = _private_claims
    audience: str | None = None
    issuer: str | None = None
    since: str | date | int | None = None
    _since: int | None = field(init=False, repr=False)
    _algorithm: Algorithm = field(init=False, repr=False)
    _keys: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        since = None if self.since is None else instant("since", self.since)
        algorithm = jwt.PyJWS().get_algorithm_by_name(self._known_algorithm())
        keys = None
        try:
            keys = tuple(map(algorithm.prepare_key, self.secrets))
            for key in keys:
                algorithm.verify(b"", key, b"")  # detects a key of another kind now
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            keys = None
        if keys is None:  # outside the try block, so that no chained exception holds a key
            raise ConfigError(f"secret and fallbacks must be keys that verify {self.algorithm}")
        object.__setattr__(self, "_since", since)
        object.__setattr__(self, "_algorithm", algorithm)
        object.__setattr__(self, "_keys", keys)

    def _known_algorithm(self) -> str:
        known = [name for name in jwt.PyJWS().get_algorithms() if name != "none"]
        if self.algorithm not in known:
            raise ConfigError(f"algorithm must be one of {', '.join(sorted(known))}")
        return self.algorithm

    def _read(self, values: tuple[bytes, ...], now: int) -> LegacySession:
        segments = values[0].split(b".")
        if len(segments) != _SEGMENTS:
            raise Malformed(f"{len(segments)} segments, but a signed JWT has {_SEGMENTS}")
        try:
            header, payload, signature = map(b64url_decode, segments)
        except NotCanonical:
            raise Malformed("a segment is not canonical base64url without padding") from None
        signed = values[0].rpartition(b".")[0]
        # Key and algorithm are fixed here; the header cannot choose them.
        if not any(self._algorithm.verify(signed, key, signature) for key in self._keys):
            raise BadSignature("the signature does not verify under the old keys")
        self._check_header(json_object(header))
        claims = json_object(payload)
        self._check_purpose(claims)
        start = self._start(claims, now)
        return LegacySession(claims, start, signed)

    def _check_header(self, header: dict[str, Any]) -> None:
        if header.get("alg") != self.algorithm:
            raise BadSignature(f"the header's algorithm is not {self.algorithm}")
        if "crit" in header or "b64" in header or "zip" in header:
            raise BadClaims("the header needs unsupported extensions (crit, b64 or zip)")

    def _check_purpose(self, claims: dict[str, Any]) -> None:
        audience = claims.get("aud", [])
        audiences = audience if isinstance(audience, list) else [audience]
        wanted = [] if self.audience is None else [self.audience]
        if (audiences or wanted) and not any(name in audiences for name in wanted):
            raise BadClaims("the JWT has another audience")
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise BadClaims("the JWT has another issuer")

    def _start(self, claims: dict[str, Any], now: int) -> int:
        exp, nbf, iat = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
        if exp is not None and now >= exp:
            raise Expired(f"the JWT expired {now - exp} s ago")
        if nbf is not None and nbf > now + LEEWAY:
            raise NotYetValid(f"the JWT is valid only in {nbf - now} s")
        start = self._since if iat is None else iat
        if start is None:
            raise BadClaims("the JWT has no iat, and the reader no since")
        return start


def _seconds(claims: dict[str, Any], name: str) -> int | None:
    """Return a NumericDate in whole seconds, or None if it is missing."""
    number = claims.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise BadClaims(f"{name} is not a number of seconds")
    if not 0 <= number <= MAX_INT:  # NaN fails every comparison
        raise BadClaims(f"{name} is an impossible time")
    return int(number // 1)
