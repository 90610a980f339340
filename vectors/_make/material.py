"""The keys that the vectors use, and the JWKs that describe them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .msgpack import Json

Jwk: TypeAlias = dict[str, Json]

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def seeded(label: str, length: int = 32) -> bytes:
    """Give bytes that look random and are the same in every run: SHA-256 of a label, counted."""
    blocks = (
        hashlib.sha256(f"tokensession/v1/vectors/{label}/{index}".encode()).digest()
        for index in range(-(-length // 32))
    )
    return b"".join(blocks)[:length]


def b64u(data: bytes) -> str:
    """Give base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def derive_sig_key(secret: bytes, context: str) -> bytes:
    """Derive the HMAC key of a secret and context."""
    return hkdf(secret, b"tokensession/v1/sig\x00" + context.encode())


def derive_enc_key(secret: bytes, context: str, salt: bytes) -> bytes:
    """Derive the AES-256-GCM key of a secret, context and salt."""
    return hkdf(secret, b"tokensession/v1/enc\x00" + context.encode() + b"\x00" + salt)


def hkdf(secret: bytes, info: bytes) -> bytes:
    """Derive 32 bytes by HKDF-SHA256 with an empty salt."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret)


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """Give the HMAC-SHA256 of data."""
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


class Key(Protocol):
    """What a token is made with: a kid, a secret to encrypt with, and a way to sign."""

    @property
    def kid(self) -> str: ...
    @property
    def alg(self) -> str: ...
    @property
    def secret(self) -> bytes: ...
    def sign(self, data: bytes, context: str) -> bytes: ...
    def layers(self, context: str) -> dict[str, Json]: ...
    def jwks(self, *, private: bool = True) -> list[Jwk]: ...


@dataclass(frozen=True)
class HS256Key:
    """A symmetric key: one master secret, from which both keys are derived."""

    kid: str
    secret: bytes
    alg: str = "HS256"

    def sign(self, data: bytes, context: str) -> bytes:
        """Sign with the key derived for this context."""
        return hmac_sha256(derive_sig_key(self.secret, context), data)

    def layers(self, context: str) -> dict[str, Json]:
        """Give the derived signing key."""
        return {"sig_key": derive_sig_key(self.secret, context).hex()}

    def jwks(self, *, private: bool = True) -> list[Jwk]:
        """Give its one JWK, which is never public."""
        if not private:
            raise ValueError("an HS256 key has no public half")
        return [{"kty": "oct", "kid": self.kid, "alg": self.alg, "k": b64u(self.secret)}]


@dataclass(frozen=True)
class Ed25519Key:
    """An Ed25519 key and the secret that its tokens are encrypted with."""

    kid: str
    seed: bytes
    secret: bytes
    alg: str = "Ed25519"

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        return private.public_key().public_bytes_raw()

    def sign(self, data: bytes, _context: str) -> bytes:
        """Sign; the context is bound by the encryption alone."""
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)

    def layers(self, _context: str) -> dict[str, Json]:
        """Give the public key."""
        return {"public_key": self.public.hex()}

    def jwks(self, *, private: bool = True) -> list[Jwk]:
        """Give its two JWKs, with or without `d`."""
        sig: Jwk = {"kty": "OKP", "kid": self.kid, "crv": "Ed25519", "use": "sig"}
        sig |= {"alg": self.alg, "x": b64u(self.public)}
        if private:
            sig["d"] = b64u(self.seed)
        return [sig, enc_jwk(self.kid, self.secret)]


@dataclass(frozen=True)
class ES256Key:
    """An ES256 key and the secret that its tokens are encrypted with."""

    kid: str
    scalar: int
    secret: bytes
    alg: str = "ES256"

    @property
    def coordinates(self) -> tuple[bytes, bytes]:
        """The public point as x and y, 32 bytes each."""
        point = self._private().public_key().public_numbers()
        return point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")

    def sign(self, data: bytes, _context: str) -> bytes:
        """Sign with the nonce of RFC 6979, so that each run gives the same bytes."""
        r, s = decode_dss_signature(self.sign_der(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_der(self, data: bytes) -> bytes:
        """Sign and leave the signature in DER, as X.509 has it and JWS does not."""
        scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return self._private().sign(data, scheme)

    def layers(self, _context: str) -> dict[str, Json]:
        """Give the public key as x || y."""
        return {"public_key": b"".join(self.coordinates).hex()}

    def jwks(self, *, private: bool = True) -> list[Jwk]:
        """Give its two JWKs, with or without `d`."""
        x, y = self.coordinates
        sig: Jwk = {"kty": "EC", "kid": self.kid, "crv": "P-256", "use": "sig"}
        sig |= {"alg": self.alg, "x": b64u(x), "y": b64u(y)}
        if private:
            sig["d"] = b64u(self.scalar.to_bytes(32, "big"))
        return [sig, enc_jwk(self.kid, self.secret)]

    def _private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.scalar, ec.SECP256R1())


def enc_jwk(kid: str, secret: bytes) -> Jwk:
    """Give the A256GCM JWK that stands beside a signature JWK."""
    return {"kty": "oct", "kid": kid, "use": "enc", "alg": "A256GCM", "k": b64u(secret)}


def hs256(kid: str, length: int = 32) -> HS256Key:
    """Make the HS256 key of a kid."""
    return HS256Key(kid, seeded(f"secret/{kid}", length))


def ed25519_key(kid: str, shared: str = "ed-1") -> Ed25519Key:
    """Make the Ed25519 key of a kid, with the encryption secret shared under a label."""
    return Ed25519Key(kid, seeded(f"seed/{kid}"), seeded(f"encryption/{shared}"))


def es256(kid: str) -> ES256Key:
    """Make the ES256 key of a kid."""
    scalar = int.from_bytes(seeded(f"scalar/{kid}"), "big") % P256_ORDER
    return ES256Key(kid, scalar, seeded(f"encryption/{kid}"))


def document(*groups: list[Jwk], serial: int = 1) -> dict[str, Json]:
    """Give the JWK Set of some keys' JWKs."""
    return {"serial": serial, "keys": [jwk for group in groups for jwk in group]}


WORKED = HS256Key("k1", bytes(range(32)))
WORKED_ED = Ed25519Key("e1", bytes(range(32)), bytes(range(32, 64)))
