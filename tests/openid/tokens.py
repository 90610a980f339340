"""Logout tokens of a provider, each as right or as wrong as a test wants it."""

from __future__ import annotations

import hmac
import json
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa

from tokensession.format.base64url import b64url_encode

ISSUER: Final = "https://id.example"
CLIENT: Final = "shop"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
FORM: Final = "application/x-www-form-urlencoded"
DROPPED: Final = object()  # in place of a claim or a member that is left out


@cache
def rsa_key(bits: int = 2048) -> Any:
    """Return a private RSA key, the same each time."""
    return generate_rsa(65537, bits)


@cache
def ec_key() -> Any:
    """Return a private key on P-256, the same each time."""
    return generate_private_key(SECP256R1())


def jwk(key: Any, kid: str, **members: Any) -> dict[str, Any]:
    """Return the public half of a key as a JWK."""
    algorithm = jwt.get_algorithm_by_name("ES256" if hasattr(key, "curve") else "RS256")
    public: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    public.pop("key_ops", None)
    return {**public, "kid": kid, "use": "sig", **members}


def key_set() -> dict[str, Any]:
    """Return the provider's keys."""
    return {"keys": [jwk(rsa_key(), "r1", alg="RS256"), jwk(ec_key(), "e1", alg="ES256")]}


def logout_token(
    now: int,
    *,
    header: dict[str, Any] | None = None,
    key: Any = None,
    algorithm: str = "RS256",
    **changes: Any,
) -> str:
    """Return a logout token for Ada's session at the provider, with these changes.

    Args:
        now: When it is issued.
        header: Other members of its header.
        key: The key that signs; by default the provider's.
        algorithm: The algorithm that signs.
        changes: Other claims, or `DROPPED` in place of one.
    """
    claims = {
        "iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "once",
        "sub": "ada", "events": {EVENT: {}}, **changes,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not DROPPED}
    members = {"kid": "r1", "typ": "logout+jwt", "alg": algorithm, **(header or {})}
    members = {name: value for name, value in members.items() if value is not DROPPED}
    signed = b".".join(b64url_encode(json.dumps(part).encode()) for part in (members, claims))
    # By hand: PyJWT refuses to sign what a forger sends.
    if algorithm == "HS256":
        signature = hmac.digest(key, signed, "sha256")
    else:
        signature = jwt.get_algorithm_by_name(algorithm).sign(signed, key or rsa_key())
    return (signed + b"." + b64url_encode(signature)).decode()


def form(token: str) -> bytes:
    """Return the body of the provider's request."""
    return urlencode({"logout_token": token}).encode()
