"""One key of a ring and its JWKs (RFC 7517, 7518, 8037; SPEC section 7).

A `Key` holds its validated JWKs. This module derives everything else about a key from them, once.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tokensession.errors import ConfigError
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.keys.jwk_pair import FOREIGN_ALGORITHMS, check_kid, read_date, tell_apart
from tokensession.keys.material import (
    MAX_SECRET_BYTES,
    SECRET_BYTES,
    load_ed25519,
    load_p256,
    load_secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Loader = Callable[["Jwk", str], tuple["PrivateKey | None", "PublicKey"]]

Algorithm = Literal["HS256", "Ed25519", "ES256"]
Jwk = dict[str, Any]
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

_PRIVATE_MEMBERS: Final = ("d", "k")
_MATERIAL: Final = ("d", "k", "x", "y", "key_ops")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """A key of a ring: what it can do, and when. `parse_key` and `generate_key` create keys.

    Attributes:
        kid: The key's name, 1 to 32 characters of ``A-Z a-z 0-9 _ -``.
        algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
        nbf: Unix second from which it can sign; 0 if its JWK has none.
        exp: Unix second from which it no longer verifies, or None.
        revoked: Whether its JWK has the member ``revoked``, with any value.
        header: The header segment of each of its tokens.
        secret: The master secret of HS256, or the encryption secret of an asymmetric key. None for
            the tombstone of a revoked key.
        private_key: The signing half of an asymmetric key, or None.
        public_key: The verifying half of an asymmetric key, or None.
    """

    kid: str
    algorithm: Algorithm
    nbf: int
    exp: int | None
    revoked: bool
    header: bytes
    secret: bytes | None
    private_key: PrivateKey | None
    public_key: PublicKey | None
    _signature_jwk: Jwk = field(default_factory=dict)
    _encryption_jwk: Jwk | None = None

    @property
    def can_mint(self) -> bool:
        """Whether the key has the material to sign (regardless of dates and revocation)."""
        return self.secret is not None and (
            self.algorithm == "HS256" or self.private_key is not None
        )

    def verifies(self, now: int) -> bool:
        """Tell whether this key verifies tokens at the Unix second `now`."""
        return not self.revoked and (self.exp is None or now < self.exp)

    def to_jwks(self, *, private: bool = False) -> list[Jwk]:
        """Return the key's JWKs; without `private`, only the public parts.

        A revoked key has no public parts. Stock libraries ignore the member ``revoked`` and would
        verify tokens that a thief signs.
        """
        if private:
            both = (self._signature_jwk, self._encryption_jwk)
            return [_copy(jwk) for jwk in both if jwk is not None]
        if self.public_key is None or self.revoked:
            return []
        public = _copy(self._signature_jwk)
        for name in _PRIVATE_MEMBERS:
            public.pop(name, None)
        if "key_ops" in public:
            public["key_ops"] = ["verify"]
        return [public]

    def with_members(self, **members: object) -> Key:
        """Return this key with some members of its signature JWK replaced and validated."""
        return parse_key(self.kid, [{**_copy(self._signature_jwk), **members}, *self._encryption()])

    @property
    def is_tombstone(self) -> bool:
        """Whether this is a revoked key without material."""
        return self.revoked and self.secret is None and self.public_key is None

    def tombstone(self) -> Key:
        """Return the tombstone of a revoked key: name, dates, reason and digests."""
        jwk = {name: item for name, item in self._signature_jwk.items() if name not in _MATERIAL}
        if self.used():
            jwk["revoked"] = {**self.revocation, "used": self.used()}
        return parse_key(self.kid, [jwk])

    @property
    def revocation(self) -> dict[str, Any]:
        """The member ``revoked`` if it is an object, else an empty dict."""
        revoked = self._signature_jwk.get("revoked")
        return dict(revoked) if isinstance(revoked, dict) else {}

    def reader(self) -> Key:
        """Return this key without its signing half.

        Raises:
            ConfigError: The key is HS256, which signs and verifies with one secret.
        """
        if self.revoked:
            return self.tombstone()
        if self.algorithm == "HS256":
            raise ConfigError(
                f"key {self.kid!r} is HS256, so a reader that verifies its tokens could also mint "
                "them: rotate to Ed25519 or ES256"
            )
        jwk = _copy(self._signature_jwk)
        jwk.pop("d", None)
        if "key_ops" in jwk:
            jwk["key_ops"] = ["verify"]
        return parse_key(self.kid, [jwk, *self._encryption()])

    def _encryption(self) -> list[Jwk]:
        return [] if self._encryption_jwk is None else [_copy(self._encryption_jwk)]

    def material(self) -> tuple[object, ...]:
        """Return the material that must never change under a kid; None marks missing parts."""
        x, y = None, None
        if self.public_key is not None:
            x, y = self._signature_jwk["x"], self._signature_jwk.get("y")
        return (self.algorithm, self.secret, x, y if self.algorithm == "ES256" else None)

    def halves(self) -> dict[str, bytes]:
        """Return the members d, x and y that this key's signature JWK has."""
        if self.public_key is None:
            return {}
        names = ("d", "x", "y") if self.algorithm == "ES256" else ("d", "x")
        jwk = self._signature_jwk
        return {name: b64url_decode(jwk[name].encode()) for name in names if name in jwk}

    def digests(self) -> list[str]:
        """Return the SHA-256 digests of k and x, by which a revoked key is recognised."""
        material = (self.secret, self.halves().get("x"))
        return [_text(sha256(data).digest()) for data in material if data]

    def used(self) -> list[str]:
        """Return the digests of a revoked key, including those in its tombstone."""
        kept = self.revocation.get("used")
        kept = [item for item in kept if isinstance(item, str)] if isinstance(kept, list) else []
        return kept + [digest for digest in self.digests() if digest not in kept]

    def __repr__(self) -> str:
        """Show the key without its material."""
        dates = f"nbf={self.nbf}, exp={self.exp}" + (", revoked" if self.revoked else "")
        return f"<Key {self.kid!r} {self.algorithm} {dates} can_mint={self.can_mint}>"

    def __reduce__(self) -> NoReturn:
        """Refuse pickling, because a pickle would silently contain the secret."""
        raise TypeError("a Key holds secrets and cannot be pickled: pass its JWK Set explicitly")

    def __deepcopy__(self, memo: object) -> Key:
        """Return the key itself, because it is immutable."""
        return self


def generate_key(
    algorithm: str = "HS256", *, kid: str | None = None, nbf: int | None = None
) -> Key:
    """Return a new random key.

    Args:
        algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
        kid: The key's name; None for 8 random characters.
        nbf: Unix second from which it can sign; None for at once.

    Raises:
        ConfigError: The algorithm is unknown, the kid is invalid, or nbf is out of range.
    """
    kid = secrets.token_hex(4) if kid is None else kid
    secret = _text(secrets.token_bytes(SECRET_BYTES))
    dates = {} if nbf is None else {"nbf": nbf}
    if algorithm == "HS256":
        return parse_key(kid, [{"kty": "oct", "kid": kid, "alg": "HS256", "k": secret, **dates}])
    signature: Jwk = {"use": "sig", "alg": algorithm, "kid": kid, **dates}
    if algorithm == "Ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
        signature |= {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _text(private.public_key().public_bytes_raw()),
            "d": _text(private.private_bytes_raw()),
        }
    elif algorithm == "ES256":
        numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        signature |= {
            "kty": "EC",
            "crv": "P-256",
            "x": _text(numbers.public_numbers.x.to_bytes(32, "big")),
            "y": _text(numbers.public_numbers.y.to_bytes(32, "big")),
            "d": _text(numbers.private_value.to_bytes(32, "big")),
        }
    else:
        known = FOREIGN_ALGORITHMS.get(str(algorithm), "alg must be HS256, Ed25519 or ES256")
        raise ConfigError(f"cannot generate a key: {known}")
    encryption = {"kty": "oct", "kid": kid, "use": "enc", "alg": "A256GCM", "k": secret}
    return parse_key(kid, [signature, encryption])


def revocation_at(second: int, reason: str | None) -> dict[str, object]:
    """Return the member ``revoked`` for a revocation at a Unix second.

    Raises:
        ConfigError: The reason is not a str.
    """
    if reason is None:
        return {"revoked_at": second}
    if not isinstance(reason, str):
        raise ConfigError(f"reason must be a str, not {type(reason).__name__}")
    return {"revoked_at": second, "reason": reason}


def tombstone(kid: str, revoked: Mapping[str, object]) -> Key:
    """Return the tombstone of a revoked key of which only the name is known."""
    return parse_key(kid, [{"kty": "oct", "kid": kid, "alg": "HS256", "revoked": dict(revoked)}])


def parse_key(kid: str, jwks: list[Jwk]) -> Key:
    """Return the key that a kid's JWKs describe.

    Raises:
        ConfigError: SPEC section 7 refuses the key. The message names the kid, the fault and the
            fix, never the material.
    """
    check_kid(kid)
    signature, encryption = tell_apart(kid, jwks)
    algorithm = cast("Algorithm", signature["alg"])
    nbf, exp = (read_date(signature, name, kid) for name in ("nbf", "exp"))
    if exp is not None and (nbf or 0) >= exp:
        raise ConfigError(f"key {kid!r}: nbf ({nbf or 0}) must be before exp ({exp})")
    revoked = "revoked" in signature
    private, public, secret = None, None, None
    if algorithm == "HS256":
        if not (revoked and "k" not in signature):
            secret = load_secret(signature, kid, most=MAX_SECRET_BYTES)
    else:
        if not (revoked and "x" not in signature):
            load: _Loader = load_ed25519 if algorithm == "Ed25519" else load_p256
            private, public = load(signature, kid)
        if encryption is not None:
            secret = load_secret(encryption, kid, most=SECRET_BYTES)
        elif not revoked:
            raise ConfigError(
                f"key {kid!r}: its A256GCM JWK is missing (documents for publication lack it): "
                "use the ring's own document or its reader's"
            )
    header = f'{{"alg":"{algorithm}","kid":"{kid}"}}'.encode()
    return Key(
        kid=kid,
        algorithm=algorithm,
        nbf=nbf or 0,
        exp=exp,
        revoked=revoked,
        header=b64url_encode(header),
        secret=secret,
        private_key=private,
        public_key=public,
        _signature_jwk=_copy(signature),
        _encryption_jwk=None if encryption is None else _copy(encryption),
    )


def _text(data: bytes) -> str:
    return b64url_encode(data).decode("ascii")


def _copy(jwk: Jwk) -> Jwk:
    copy: Jwk = json.loads(json.dumps(jwk))
    return copy
