"""Key material: secrets and keys from the members of a JWK, with all checks.

Each function takes one JWK and its kid, and returns material or raises a ConfigError. The error
names the kid, the member, the limit and the fix, never the value.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tokensession.errors import ConfigError
from tokensession.format.base64url import NotCanonical, b64url_decode

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_BYTES: Final = 32
MAX_SECRET_BYTES: Final = 64
# A random 32-byte secret has about 30 distinct byte values; fewer than 12 has odds below 2**-90.
MIN_DISTINCT_BYTES: Final = 12


def _member(jwk: Mapping[str, Any], name: str, kid: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise ConfigError(f"key {kid!r}: member {name} is missing or not a str")
    encoded = text.encode("utf-8", "replace")
    with contextlib.suppress(NotCanonical):
        return b64url_decode(encoded)
    form = _encoded_key(encoded)
    if form is not None:
        raise ConfigError(_not_a_secret(kid, name, form))
    raise ConfigError(
        f"key {kid!r}: {name} is not canonical base64url without padding (RFC 7515 section 2)"
    )


def load_secret(jwk: Mapping[str, Any], kid: str, *, most: int) -> bytes:
    """Return the secret in the member k: 32 to `most` random-looking bytes."""
    secret = _member(jwk, "k", kid)
    form = _encoded_key(secret)
    if form is not None:
        raise ConfigError(_not_a_secret(kid, "k", form))
    if not SECRET_BYTES <= len(secret) <= most:
        needed = f"{SECRET_BYTES}" if most == SECRET_BYTES else f"{SECRET_BYTES} to {most}"
        raise ConfigError(f"key {kid!r}: k has {len(secret)} bytes: use {needed} random ones")
    if len(set(secret)) < MIN_DISTINCT_BYTES:
        raise ConfigError(
            f"key {kid!r}: k is not random (fewer than {MIN_DISTINCT_BYTES} distinct byte values): "
            "make a key with `tokensession keys new`"
        )
    return secret


def _not_a_secret(kid: str, name: str, form: str) -> str:
    return (
        f"key {kid!r}: {name} is {form}, not a symmetric secret, and others may know it: "
        "make a random one with `tokensession keys new`"
    )


# The first bytes of PEM and SSH keys, as they occur in a k.
_HEADS: Final = re.compile(
    rb"-----BEGIN |\A(?:.{4})?"
    rb"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-|sk-ssh-|sk-ecdsa-|openssh-key-v1)",
    re.DOTALL,
)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _encoded_key(data: bytes) -> str | None:
    """Return the kind of key that `data` parses as, or None."""
    if _HEADS.search(data):
        return "a PEM or SSH key"
    try:
        document = json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    else:
        if isinstance(document, dict) and ("kty" in document or "keys" in document):
            return "the text of a JWK"
    for form, load in (
        ("a DER public key", serialization.load_der_public_key),
        ("a DER private key", lambda data: serialization.load_der_private_key(data, None)),
    ):
        try:
            load(data)
        except (ValueError, UnsupportedAlgorithm, NotImplementedError, InternalError):
            continue
        except TypeError:  # an encrypted private key
            return form
        return form
    return None


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P)
# The y coordinates of the eight points of small order. With such a public key, forged signatures
# can verify for any message. (The last two are the points of order 8.)
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


def _on_curve(y: int) -> bool:
    """Tell whether (y**2 - 1) / (d * y**2 + 1) is a square, as x**2 must be (RFC 8032, 5.1.3)."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P)
    return pow(square, (_P - 1) // 2, _P) == 1


def load_ed25519(
    jwk: Mapping[str, Any], kid: str
) -> tuple[ed25519.Ed25519PrivateKey | None, ed25519.Ed25519PublicKey]:
    """Return the private half (None if the JWK lacks it) and the public half of an Ed25519 key."""
    x = _sized(jwk, "x", kid)
    y_coordinate = int.from_bytes(x, "little") & (2**255 - 1)
    if y_coordinate % _P in _SMALL_ORDER_Y:
        raise ConfigError(
            f"key {kid!r}: x is a point of small order, which verifies forged signatures"
        )
    if y_coordinate >= _P or not _on_curve(y_coordinate):
        raise ConfigError(f"key {kid!r}: x is not the canonical encoding of a point on the curve")
    public = ed25519.Ed25519PublicKey.from_public_bytes(x)
    if "d" not in jwk:
        return None, public
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_sized(jwk, "d", kid))
    if private.public_key() != public:
        raise ConfigError(f"key {kid!r}: x is not the public half of d")
    return private, public


_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1


def load_p256(
    jwk: Mapping[str, Any], kid: str
) -> tuple[ec.EllipticCurvePrivateKey | None, ec.EllipticCurvePublicKey]:
    """Return the private half (None if the JWK lacks it) and the public half of a P-256 key."""
    x, y = (int.from_bytes(_sized(jwk, name, kid), "big") for name in ("x", "y"))
    if max(x, y) >= _P256_PRIME:  # pyca would read x + p as x
        raise ConfigError(f"key {kid!r}: x or y is not below the prime of the curve P-256")
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise ConfigError(f"key {kid!r}: x and y are not a point on the curve P-256") from None
    if "d" not in jwk:
        return None, public
    try:
        private = ec.derive_private_key(
            int.from_bytes(_sized(jwk, "d", kid), "big"), ec.SECP256R1()
        )
    except ValueError:
        raise ConfigError(f"key {kid!r}: d is not a private key of the curve P-256") from None
    if private.public_key() != public:
        raise ConfigError(f"key {kid!r}: x and y are not the public half of d")
    return private, public


def _sized(jwk: Mapping[str, Any], name: str, kid: str) -> bytes:
    data = _member(jwk, name, kid)
    if len(data) != SECRET_BYTES:
        raise ConfigError(f"key {kid!r}: {name} has {len(data)} bytes; it must have {SECRET_BYTES}")
    return data
