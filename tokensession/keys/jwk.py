"""One key of a ring and the JWKs it is written as (RFC 7517, 7518, 8037; SPEC section 7).

A `Key` is its JWKs, checked: everything else about it is derived from them once, here.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tokensession.errors import ConfigError
from tokensession.format.base64url import b64url_encode
from tokensession.format.state import MAX_INT
from tokensession.keys.known_secrets import published_source
from tokensession.keys.material import (
    MAX_SECRET_BYTES,
    SECRET_BYTES,
    load_ed25519,
    load_p256,
    load_secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Loader = Callable[["Jwk", str], tuple["PrivateKey | None", "PublicKey"]]

Algorithm = Literal["HS256", "Ed25519", "ES256"]
Jwk = dict[str, Any]
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

_KID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SIGNATURE_TYPES = {"HS256": ("oct", None), "Ed25519": ("OKP", "Ed25519"), "ES256": ("EC", "P-256")}
_NAMES_OF_OTHERS = {
    "EdDSA": 'alg "EdDSA" does not name a curve; write "Ed25519" (RFC 9864)',
    "Ed448": "alg Ed448 is not part of this format; use Ed25519",
    "none": 'alg "none" signs nothing',
}
_DATED = ("nbf", "exp", "revoked")
_PRIVATE_MEMBERS = ("d", "k")
_MATERIAL = ("d", "k", "x", "y", "key_ops")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """One kid of a ring: what it may do and when. Made by `parse_keys` or `generate_key`.

    Attributes:
        kid: The key's name, 1 to 32 characters of ``A-Z a-z 0-9 _ -``.
        algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
        nbf: Unix second from which it may sign; 0 when its JWK has none.
        exp: Unix second from which it no longer verifies, or None.
        revoked: Whether its JWK has the member ``revoked``, whatever that holds.
        header: The header segment of each of its tokens.
        secret: The master secret of HS256, or the encryption secret beside an asymmetric key;
            None when only the tombstone of a revoked key is left.
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
        """Whether the material to sign is here (dates and revocation aside)."""
        return self.secret is not None and (
            self.algorithm == "HS256" or self.private_key is not None
        )

    def verifies(self, now: int) -> bool:
        """Tell whether tokens of this key are still read at the Unix second `now`."""
        return not self.revoked and (self.exp is None or now < self.exp)

    def to_jwks(self, *, private: bool = False) -> list[Jwk]:
        """Return the key's JWKs; without `private` only what may be published.

        Of a revoked key that is nothing: stock libraries do not know the member ``revoked``, and
        would go on verifying what whoever has the key makes.
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
        """Return this key with members of its signature JWK replaced (checked again)."""
        return _parse_key(
            self.kid, [{**_copy(self._signature_jwk), **members}, *self._encryption()]
        )

    def tombstone(self) -> Key:
        """Return what is left of a revoked key: its name, its dates and why; no material."""
        return _parse_key(self.kid, [_tombstone(self._signature_jwk)])

    def reader(self) -> Key:
        """Return this key without the means to sign.

        Raises:
            ConfigError: HS256, where whoever verifies can sign.
        """
        if self.revoked:
            return self.tombstone()
        if self.algorithm == "HS256":
            raise ConfigError(
                f"key {self.kid!r} is HS256: whoever can verify its tokens can mint them; "
                "rotate to Ed25519 or ES256 to have readers that cannot"
            )
        jwk = _copy(self._signature_jwk)
        jwk.pop("d", None)
        if "key_ops" in jwk:
            jwk["key_ops"] = ["verify"]
        return _parse_key(self.kid, [jwk, *self._encryption()])

    def _encryption(self) -> list[Jwk]:
        return [] if self._encryption_jwk is None else [_copy(self._encryption_jwk)]

    def material(self) -> tuple[object, ...]:
        """Return what must never change under one kid; None stands for what is not here."""
        x, y = None, None
        if self.public_key is not None:
            x, y = self._signature_jwk["x"], self._signature_jwk.get("y")
        return (self.algorithm, self.secret, x, y if self.algorithm == "ES256" else None)

    def __repr__(self) -> str:
        """Show the key without its material."""
        dates = f"nbf={self.nbf}, exp={self.exp}" + (", revoked" if self.revoked else "")
        return f"<Key {self.kid!r} {self.algorithm} {dates} can_mint={self.can_mint}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would carry the secret unnoticed."""
        raise TypeError("a Key holds secrets and is not pickled; pass its JWK Set explicitly")

    def __deepcopy__(self, memo: object) -> Key:
        """Return the key itself: it never changes."""
        return self


def generate_key(
    algorithm: str = "HS256", *, kid: str | None = None, nbf: int | None = None
) -> Key:
    """Return a new random key.

    Args:
        algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
        kid: Its name; a random one of 8 characters when None.
        nbf: Unix second from which it may sign, or None for at once.

    Raises:
        ConfigError: An unknown algorithm, a kid outside the alphabet, or nbf out of range.
    """
    kid = secrets.token_hex(4) if kid is None else kid
    secret = _text(secrets.token_bytes(SECRET_BYTES))
    dates = {} if nbf is None else {"nbf": nbf}
    if algorithm == "HS256":
        return _parse_key(kid, [{"kty": "oct", "kid": kid, "alg": "HS256", "k": secret, **dates}])
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
        known = _NAMES_OF_OTHERS.get(algorithm, "alg must be HS256, Ed25519 or ES256")
        raise ConfigError(f"no key can be made: {known}")
    encryption = {"kty": "oct", "kid": kid, "use": "enc", "alg": "A256GCM", "k": secret}
    return _parse_key(kid, [signature, encryption])


def parse_keys(jwks: object) -> list[Key]:
    """Return the keys that a JWK Set's list of JWKs describes, each kid once.

    Raises:
        ConfigError: Anything that SPEC section 7 refuses of a key; the message names the kid, what
            is wrong and the remedy, never the material. What keys must not share is the ring's to
            refuse.
    """
    if isinstance(jwks, str | bytes):
        raise ConfigError(
            f"a list of keys is needed, not a {type(jwks).__name__}: its characters would be "
            "taken for keys"
        )
    if not isinstance(jwks, list | tuple):
        raise ConfigError(f'"keys" must be a list of JWKs, not {type(jwks).__name__}')
    by_kid: dict[str, list[Jwk]] = {}
    for index, jwk in enumerate(jwks):
        if not isinstance(jwk, dict):
            raise ConfigError(f"keys[{index}] must be a JWK (an object)")
        kid = jwk.get("kid")
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise ConfigError(
                f"keys[{index}]: kid must be 1 to 32 characters of A-Z a-z 0-9 _ - "
                "(it stands in every token)"
            )
        by_kid.setdefault(kid, []).append(jwk)
    return [_parse_key(kid, group) for kid, group in by_kid.items()]


def check_reuse(keys: Iterable[Key]) -> None:
    """Refuse one secret under two kids when either is HS256.

    Raises:
        ConfigError: With the two kids.
    """
    seen: dict[bytes, Key] = {}
    for key in keys:
        if key.secret is None:
            continue
        other = seen.setdefault(key.secret, key)
        if other is not key and "HS256" in (key.algorithm, other.algorithm):
            raise ConfigError(
                f"keys {other.kid!r} and {key.kid!r} hold the same k: a new kid needs a new secret"
            )


def check_unpublished(keys: Iterable[Key]) -> None:
    """Refuse secrets that stand in documentation, standards or this format's test vectors.

    Raises:
        ConfigError: With the kid.
    """
    for key in keys:
        for name, secret in (("k", key.secret), ("d", _private_bytes(key.private_key))):
            source = None if secret is None else published_source(secret)
            if source is not None:
                raise ConfigError(
                    f"key {key.kid!r}: its {name} is a published example ({source}) that anyone "
                    "can look up; make a new one with `tokensession keys new`"
                )


def _private_bytes(key: PrivateKey | None) -> bytes | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes(SECRET_BYTES, "big")
    return None if key is None else key.private_bytes_raw()


def _parse_key(kid: str, jwks: list[Jwk]) -> Key:
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise ConfigError("kid must be 1 to 32 characters of A-Z a-z 0-9 _ -")
    signature, encryption = _pair(kid, jwks)
    algorithm = cast("Algorithm", signature["alg"])
    nbf, exp = (_date(signature, name, kid) for name in ("nbf", "exp"))
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
                f"key {kid!r}: the signature JWK stands without its A256GCM JWK, so nothing can "
                "be decrypted; a document for publication is no key ring: use the ring's own or "
                "its reader's document"
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


def _pair(kid: str, jwks: list[Jwk]) -> tuple[Jwk, Jwk | None]:
    """Tell the signature JWK from the encryption JWK, and refuse any other combination."""
    signature: Jwk | None = None
    encryption: Jwk | None = None
    for jwk in jwks:
        algorithm = jwk.get("alg")
        if not isinstance(algorithm, str):
            raise ConfigError(f"key {kid!r}: {_unknown_algorithm(None)}")
        if algorithm == "A256GCM" and encryption is None:
            _check_encryption_jwk(jwk, kid)
            encryption = jwk
        elif algorithm in _SIGNATURE_TYPES and signature is None:
            _check_signature_jwk(jwk, kid)
            signature = jwk
        elif algorithm == "A256GCM" or algorithm in _SIGNATURE_TYPES:
            raise ConfigError(f"key {kid!r}: two JWKs for the same purpose; a kid is used once")
        else:
            raise ConfigError(f"key {kid!r}: {_unknown_algorithm(algorithm)}")
    if signature is None:
        raise ConfigError(f"key {kid!r}: the A256GCM JWK stands without a signature JWK")
    if encryption is not None and signature["alg"] == "HS256":
        raise ConfigError(
            f"key {kid!r}: an HS256 key is one JWK; remove the A256GCM one (its k is not used)"
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
        raise ConfigError(f"key {kid!r}: k belongs on the A256GCM JWK, not on the {kty} one")


def _check_encryption_jwk(jwk: Jwk, kid: str) -> None:
    if jwk.get("kty") != "oct":
        raise ConfigError(f'key {kid!r}: alg A256GCM needs kty "oct"')
    if jwk.get("use", "enc") != "enc":
        raise ConfigError(f'key {kid!r}: use must be "enc" on the A256GCM JWK')
    for name in _DATED:
        if name in jwk:
            raise ConfigError(
                f"key {kid!r}: {name} stands on the A256GCM JWK; it belongs on the signature JWK"
            )


def _check_key_ops(jwk: Jwk, kid: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> None:
    ops = jwk.get("key_ops")
    if ops is None and "key_ops" not in jwk:
        return
    if not isinstance(ops, list) or not all(isinstance(op, str) for op in ops):
        raise ConfigError(f"key {kid!r}: key_ops must be a list of str")
    if not set(needed) <= set(ops) <= set(allowed) or len(set(ops)) != len(ops):
        raise ConfigError(
            f"key {kid!r}: key_ops contradict its purpose; they must include "
            f"{' and '.join(needed)}, and nothing but {' and '.join(allowed)}, each once"
        )


def _unknown_algorithm(algorithm: str | None) -> str:
    if algorithm is None:
        return "alg is missing; write HS256, Ed25519, ES256 or A256GCM"
    return _NAMES_OF_OTHERS.get(
        algorithm,
        "its alg is none of HS256, Ed25519, ES256 and A256GCM; a document from a newer version "
        "needs readers of that version first",
    )


def _date(jwk: Jwk, name: str, kid: str) -> int | None:
    value = jwk.get(name)
    if value is None and name not in jwk:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INT:
        raise ConfigError(
            f"key {kid!r}: {name} must be whole Unix seconds from 0 to 2**53 - 1, as an integer"
        )
    return value


def _tombstone(jwk: Jwk) -> Jwk:
    return {name: value for name, value in jwk.items() if name not in _MATERIAL}


def _text(data: bytes) -> str:
    return b64url_encode(data).decode("ascii")


def _copy(jwk: Jwk) -> Jwk:
    copy: Jwk = json.loads(json.dumps(jwk))
    return copy
