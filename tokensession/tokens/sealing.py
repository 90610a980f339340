"""One key in one context: derive, sign, verify, encrypt and decrypt (SPEC sections 3-5)."""

from __future__ import annotations

import math
import os
from hmac import compare_digest
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from tokensession.errors import ConfigError
from tokensession.forks import process_id
from tokensession.format.base64url import b64url_decode, b64url_encode

if TYPE_CHECKING:
    from tokensession.keys.jwk import Key

VERSION: Final = 1
VERSION_BYTE: Final = bytes((VERSION,))
SALT_BYTES: Final = 8
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
DERIVED_BYTES: Final = 32
MAX_CONTEXT_BYTES: Final = 255
# How long a writer keeps a salt: SPEC section 4 limits the chance that (salt, nonce) repeats.
TOKENS_PER_SALT: Final = 4096
SECONDS_PER_SALT: Final = 900.0

_ED25519 = OKPAlgorithm()
_ES256 = ECAlgorithm(ECAlgorithm.SHA256)


def context_bytes(context: str) -> bytes:
    """Return the UTF-8 of a context.

    Raises:
        ConfigError: The context is not a str, empty, longer than 255 bytes, or contains a zero byte
            or a lone surrogate.
    """
    if not isinstance(context, str):
        raise ConfigError(f"context must be a str, not {type(context).__name__}")
    try:
        encoded = context.encode()
    except UnicodeEncodeError:
        raise ConfigError("context contains a lone surrogate, which is not valid UTF-8") from None
    if not 1 <= len(encoded) <= MAX_CONTEXT_BYTES or b"\0" in encoded:
        raise ConfigError(
            f"context must be 1 to {MAX_CONTEXT_BYTES} bytes of UTF-8 without a zero byte, "
            f"not {len(encoded)} bytes"
        )
    return encoded


def derive(secret: bytes, purpose: bytes, context: bytes, salt: bytes | None = None) -> bytes:
    """Return 32 bytes for one purpose (``enc`` or ``sig``), context and salt (SPEC section 4)."""
    info = b"tokensession/v1/" + purpose + b"\0" + context
    if salt is not None:
        info += b"\0" + salt
    return HKDF(algorithm=SHA256(), length=DERIVED_BYTES, salt=None, info=info).derive(secret)


class _Signature(Protocol):
    """One algorithm with one key: signs and verifies payload segments."""

    length: int  # of the signature, in bytes

    def sign(self, payload: bytes) -> bytes: ...

    def verifies(self, payload: bytes, signature: bytes) -> bool: ...


class _HS256:
    """HMAC-SHA256, prepared with the key, the header and its dot."""

    __slots__ = ("_mac",)
    length = 32

    def __init__(self, key: bytes, prefix: bytes) -> None:
        self._mac = HMAC(key, SHA256())
        self._mac.update(prefix)

    def sign(self, payload: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(payload)
        return b64url_encode(mac.finalize())

    def verifies(self, payload: bytes, signature: bytes) -> bool:
        mac = self._mac.copy()
        mac.update(payload)
        # Compare the text in constant time: only the canonical spelling is equal.
        return compare_digest(b64url_encode(mac.finalize()), signature)


class _Asymmetric:
    """Ed25519 or ES256 through PyJWT, with the 64-byte signatures of RFC 7518 and 8037."""

    __slots__ = ("_algorithm", "_prefix", "_private", "_public")
    length = 64

    def __init__(self, algorithm: Any, private: Any, public: Any, prefix: bytes) -> None:
        self._algorithm = algorithm
        self._private = private
        self._public = public
        self._prefix = prefix

    def sign(self, payload: bytes) -> bytes:
        return b64url_encode(self._algorithm.sign(self._prefix + payload, self._private))

    def verifies(self, payload: bytes, signature: bytes) -> bool:
        try:
            raw = b64url_decode(signature)
        except ValueError:
            return False
        verified: bool = self._algorithm.verify(self._prefix + payload, self._public, raw)
        return verified


class Salt:
    """A writer's salt with its cipher and its remaining uses."""

    __slots__ = ("_count", "_pid", "_until", "cipher", "head")

    def __init__(self, value: bytes, cipher: AESGCM) -> None:
        self.head: bytes = VERSION_BYTE + value  # the first bytes of a payload
        self.cipher: AESGCM = cipher
        self._count = count()
        self._until = monotonic() + SECONDS_PER_SALT
        self._pid = process_id()

    def take(self) -> bool:
        """Claim one token of this salt; False if it is used up, too old or the parent's."""
        return (
            next(self._count) < TOKENS_PER_SALT  # atomic in the interpreter, so no lock
            and monotonic() < self._until
            and self._pid == process_id()
        )


class TokenKey:
    """A key of a ring in one context. It derives its secrets lazily.

    Args:
        key: The key. A tombstone without material is accepted but never used.
        context: The context's bytes, from `context_bytes`.
        former: The previous ring's key of this name and context; its derived secrets are reused if
            the material is the same.
    """

    def __init__(self, key: Key, context: bytes, *, former: TokenKey | None = None) -> None:
        self.key = key
        self.kid: str = key.kid
        self.header: bytes = key.header
        # The Unix second from which its tokens are refused; a revoked key's always are, even if a
        # clock is before 1970.
        self.until: float = -math.inf if key.revoked else math.inf if key.exp is None else key.exp
        self._context = context
        self._salt: Salt | None = None
        self.ready: _Signature | None = None  # `signature`, after its first use
        if former is not None and former.has_material_of(key):
            self._salt = former._salt  # noqa: SLF001  # our own class
            self.ready = former.ready

    def has_material_of(self, key: Key) -> bool:
        """Tell whether this key and `key` would derive the same secrets."""
        mine, own = self.key.material(), key.material()
        return mine == own and self.key.can_mint == key.can_mint and None not in mine[:2]

    @property
    def signature(self) -> _Signature:
        """The key's algorithm, ready for use."""
        # Not under a lock, which a fork could copy while held; a second object is equal.
        if self.ready is None:
            self.ready = self._make_signature()
        return self.ready

    def _make_signature(self) -> _Signature:
        key, prefix = self.key, self.header + b"."
        if key.algorithm == "HS256":
            return _HS256(derive(self._secret, b"sig", self._context), prefix)
        algorithm = _ED25519 if key.algorithm == "Ed25519" else _ES256
        return _Asymmetric(algorithm, key.private_key, key.public_key, prefix)

    @property
    def _secret(self) -> bytes:
        if self.key.secret is None:
            raise ConfigError(f"key {self.kid!r} has no material: it is revoked")
        return self.key.secret

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the AES-256-GCM of this key, context and salt."""
        return AESGCM(derive(self._secret, b"enc", self._context, salt))

    def salt(self) -> Salt:
        """Return the salt for the next token."""
        salt = self._salt
        if salt is None or not salt.take():
            value = os.urandom(SALT_BYTES)
            salt = Salt(value, self.cipher(value))
            salt.take()
            self._salt = salt
        return salt

    def token_length(self, claims: int) -> int:
        """Return the length in characters of a token whose claims have this many bytes."""
        payload = 1 + SALT_BYTES + NONCE_BYTES + claims + TAG_BYTES
        parts = (payload, self.signature.length)
        return len(self.header) + 2 + sum((4 * part + 2) // 3 for part in parts)

    def token(self, plaintext: bytes, salt: Salt, nonce: bytes) -> bytes:
        """Return the token of these claims (SPEC 4, steps 4 and 5).

        Dangerous: each token of a salt needs a fresh random nonce. Use `SessionCodec` instead,
            except in tests that compare bytes.
        """
        header = self.header
        # Step 4: encrypt, with the header segment as associated data.
        sealed = salt.cipher.encrypt(nonce, plaintext, header)
        payload = b64url_encode(salt.head + nonce + sealed)
        # Step 5: sign header and payload.
        signature = (self.ready or self.signature).sign(payload)
        return b".".join((header, payload, signature))
