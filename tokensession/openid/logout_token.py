"""A logout token and its checks (OpenID Connect Back-Channel Logout 1.0, section 2.6).

Pure but for the provider's keys, which are given as a function.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeGuard

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY: Final = 60  # seconds by which the provider's clock may differ
MAX_AGE: Final = 300  # seconds for which a token without `exp` counts
# Signatures that a client cannot forge: no `none`, and no HMAC with the client's own secret.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_TYPES: Final = ("logout+jwt", "application/logout+jwt")
_PLAIN_TYPES: Final = (None, "jwt", "application/jwt")


class BadLogoutToken(Exception):  # noqa: N818  # a state of affairs, as the errors of tokens are
    """A logout token that orders nothing; the text says which check failed."""


@dataclass(frozen=True)
class Expected:
    """What a logout token must say.

    Attributes:
        issuer: The provider's issuer, exactly.
        audience: The client id of this application, which `aud` is or contains.
        algorithms: The algorithms that are accepted.
        require_exp: Whether `exp` must be there; without it `iat` bounds the token's life.
        require_typ: Whether the header must have the type ``logout+jwt``.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    require_exp: bool
    require_typ: bool


def read_logout_token(
    token: str, expected: Expected, key_of: Callable[[str | None, str], Any], now: int
) -> Mapping[str, Any]:
    """Return the claims of a logout token that passes every check.

    Args:
        token: A signed JWT.
        expected: What it must say.
        key_of: Returns the provider's key of a kid and an algorithm, or raises LookupError.
        now: Unix seconds.

    Raises:
        BadLogoutToken: A check fails.
    """
    algorithm, kid = _checked_header(token, expected)
    try:
        key = key_of(kid, algorithm)
    except LookupError:
        raise BadLogoutToken("the provider has no key of this kid and alg") from None
    try:
        payload = jwt.PyJWS().decode(token, key, algorithms=[algorithm])
        claims = json.loads(payload)
    except jwt.PyJWTError:
        reason = "the signature does not verify"
    except (ValueError, RecursionError):
        reason = "the claims are not JSON"
    else:
        _check_claims(claims, expected, now)
        found: dict[str, Any] = claims
        return found
    # Raised here, so that no exception behind this one holds the token.
    raise BadLogoutToken(reason)


def _checked_header(token: str, expected: Expected) -> tuple[str, str | None]:
    """Return alg and kid of a header that passes; PyJWT refuses one with `crit`."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        header = None
    if header is None:
        raise BadLogoutToken("the token is not a signed JWT")
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if algorithm not in expected.algorithms:
        raise BadLogoutToken(f"alg must be one of {', '.join(expected.algorithms)}")
    kind = typ.lower() if isinstance(typ, str) else typ
    if kind not in _TYPES and (expected.require_typ or kind not in _PLAIN_TYPES):
        raise BadLogoutToken("typ must be logout+jwt")
    return algorithm, kid


def _check_claims(claims: Any, expected: Expected, now: int) -> None:
    """Refuse claims that are not those of a logout token for this application, now."""
    if not isinstance(claims, dict):
        raise BadLogoutToken("the claims are not a JSON object")
    if claims.get("iss") != expected.issuer:
        raise BadLogoutToken("iss is not the provider's issuer")
    audience = claims.get("aud")
    if expected.audience not in (audience if isinstance(audience, list) else [audience]):
        raise BadLogoutToken("aud does not name this application")
    _check_times(claims, expected, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise BadLogoutToken("events does not have the member of a back-channel logout")
    if "nonce" in claims:
        raise BadLogoutToken("nonce must not be there: this can be an ID token")
    if not _is_text(claims.get("jti")):
        raise BadLogoutToken("jti must be there, as text")
    named = [name for name in ("sub", "sid") if name in claims]
    if not named or not all(_is_text(claims[name]) for name in named):
        raise BadLogoutToken("sub or sid must be there, as text")


def _check_times(claims: dict[str, Any], expected: Expected, now: int) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    if not _is_instant(issued):
        raise BadLogoutToken("iat must be there, as a number")
    if issued > now + LEEWAY:
        raise BadLogoutToken("iat is in the future")
    if ends is None and not expected.require_exp:
        ends = issued + MAX_AGE
    if not _is_instant(ends):
        raise BadLogoutToken("exp must be there, as a number")
    if now >= ends + LEEWAY:
        raise BadLogoutToken("the token has expired")


def _is_instant(value: object) -> TypeGuard[float]:
    # The comparison refuses NaN and infinity too.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
