"""Ed25519 signatures whose R is of the signer's choice (RFC 8032, section 5.1)."""

from __future__ import annotations

from hashlib import sha512

from .material import ED25519_ORDER

ORDER_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
NEUTRAL = bytes([1]) + bytes(31)


def with_small_r(seed: bytes, public: bytes, data: bytes, r: bytes) -> bytes:
    """Sign with an R of small order: S is the challenge times the secret scalar."""
    digest = bytearray(sha512(seed).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    secret = int.from_bytes(digest, "little")
    challenge = int.from_bytes(sha512(r + public + data).digest(), "little")
    return r + (challenge * secret % ED25519_ORDER).to_bytes(32, "little")
