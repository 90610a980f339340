"""The one or two JWKs of a kid, and which combinations are invalid (SPEC section 7).

An HS256 key is one JWK. An asymmetric key has two: one signs, one encrypts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeGuard

from tokensession.errors import ConfigError
from tokensession.format.core_values import MAX_INT

if TYPE_CHECKING:
    from tokensession.keys.jwk import Jwk

_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SIGNATURE_TYPES: Final = {
    "HS256": ("oct", None),
    "Ed25519": ("OKP", "Ed25519"),
    "ES256": ("EC", "P-256"),
}
_DATED: Final = ("nbf", "exp", "revoked")
# Algorithms of other formats, with the fix.
FOREIGN_ALGORITHMS: Final = {
    "EdDSA": 'alg "EdDSA" does not name a curve; write "Ed25519" (RFC 9864)',
    "Ed448": "alg Ed448 is not part of this format; use Ed25519",
    "none": 'alg "none" signs nothing',
}


def check_kid(kid: object) -> None:
    """Refuse an invalid kid."""
    if not is_kid(kid):
        raise ConfigError("invalid kid: use 1 to 32 characters of A-Z a-z 0-9 _ -")


def is_kid(kid: object) -> TypeGuard[str]:
    """Tell whether a value is a valid kid: 1 to 32 characters of ``A-Z a-z 0-9 _ -``."""
    return isinstance(kid, str) and _KID.fullmatch(kid) is not None


def unknown_algorithm(algorithm: str | None) -> str:
    """Return the fault of an unsupported alg, with the fix."""
    if algorithm is None:
        return "alg is missing: write HS256, Ed25519, ES256 or A256GCM"
    return FOREIGN_ALGORITHMS.get(
        algorithm,
        "its alg is not HS256, Ed25519, ES256 or A256GCM: update this library first if a newer "
        "version wrote the document",
    )


def tell_apart(kid: str, jwks: list[Jwk]) -> tuple[Jwk, Jwk | None]:
    """Return a kid's signature JWK, and its encryption JWK or None."""
    signature: Jwk | None = None
    encryption: Jwk | None = None
    for jwk in jwks:
        algorithm = jwk.get("alg")
        if not isinstance(algorithm, str):
            raise ConfigError(f"key {kid!r}: {unknown_algorithm(None)}")
        if algorithm == "A256GCM" and encryption is None:
            _check_encryption_jwk(jwk, kid)
            encryption = jwk
        elif algorithm in _SIGNATURE_TYPES and signature is None:
            _check_signature_jwk(jwk, kid)
            signature = jwk
        elif algorithm == "A256GCM" or algorithm in _SIGNATURE_TYPES:
            raise ConfigError(f"key {kid!r}: two JWKs have one purpose: give each key its own kid")
        else:
            raise ConfigError(f"key {kid!r}: {unknown_algorithm(algorithm)}")
    if signature is None:
        raise ConfigError(f"key {kid!r}: its A256GCM JWK has no signature JWK: add it")
    if encryption is not None and signature["alg"] == "HS256":
        raise ConfigError(
            f"key {kid!r}: an HS256 key is one JWK: remove the A256GCM one, whose k is not used"
        )
    if encryption is not None:
        mints = "d" in signature
        _check_key_ops(
            encryption,
            kid,
            ("encrypt", "decrypt"),
            ("encrypt", "decrypt") if mints else ("decrypt",),
        )
    return signature, encryption


def _check_signature_jwk(jwk: Jwk, kid: str) -> None:
    algorithm = jwk["alg"]
    kty, curve = _SIGNATURE_TYPES[algorithm]
    if jwk.get("kty") != kty:
        raise ConfigError(f"key {kid!r}: alg {algorithm} needs kty {kty!r}")
    if curve is not None and jwk.get("crv") != curve:
        raise ConfigError(f"key {kid!r}: alg {algorithm} needs crv {curve!r}")
    if jwk.get("use", "sig") != "sig":
        raise ConfigError(f'key {kid!r}: use must be "sig" on a signature JWK')
    needed: tuple[str, ...] = ("sign",) if "d" in jwk else ("verify",)
    if algorithm == "HS256":
        needed = ("sign", "verify")
    _check_key_ops(jwk, kid, ("sign", "verify"), needed)
    if curve is not None and "k" in jwk:
        raise ConfigError(f"key {kid!r}: k is on the {kty} JWK: move it to the A256GCM JWK")


def _check_encryption_jwk(jwk: Jwk, kid: str) -> None:
    if jwk.get("kty") != "oct":
        raise ConfigError(f'key {kid!r}: alg A256GCM needs kty "oct"')
    if jwk.get("use", "enc") != "enc":
        raise ConfigError(f'key {kid!r}: use must be "enc" on the A256GCM JWK')
    for name in _DATED:
        if name in jwk:
            raise ConfigError(
                f"key {kid!r}: {name} is on the A256GCM JWK: move it to the signature JWK"
            )


def _check_key_ops(jwk: Jwk, kid: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> None:
    ops = jwk.get("key_ops")
    if ops is None and "key_ops" not in jwk:
        return
    if not isinstance(ops, list) or not all(isinstance(op, str) for op in ops):
        raise ConfigError(f"key {kid!r}: key_ops must be a list of str")
    if not set(needed) <= set(ops) <= set(allowed) or len(set(ops)) != len(ops):
        raise ConfigError(
            f"key {kid!r}: key_ops contradict its purpose: list {' and '.join(needed)}, and only "
            f"{' and '.join(allowed)}, each once"
        )


def read_date(jwk: Jwk, name: str, kid: str) -> int | None:
    """Return a NumericDate of a signature JWK, or None if the member is missing."""
    value = jwk.get(name)
    if value is None and name not in jwk:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INT:
        raise ConfigError(
            f"key {kid!r}: {name} must be an integer of Unix seconds from 0 to 2**53 - 1"
        )
    return value
