"""The hand-composed limit: the same bytes from bare library calls, with no more than they need."""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64
from time import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Callable

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_TTL: Final = 1800
_MAX_TOKEN: Final = 8192
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class Limit:
    """Encodes and decodes tokens of the format with one HS256 key and nothing around it.

    The cipher is made once and the HMAC is keyed once and fed with the header and its dot. The
    checks are the signature, the tag and the expiry: nothing is said of what may be in a state,
    of spelling or of claims out of range.

    Args:
        secret: The key's secret.
        kid: The key's name.
        context: The purpose.
    """

    def __init__(self, secret: bytes, kid: str, context: bytes = b"session") -> None:
        self._secret = secret
        self._context = context
        header = b'{"alg":"HS256","kid":"%b"}' % kid.encode()
        self._header = b2a_base64(header, newline=False).translate(_TO_URL).rstrip(b"=")
        self._mac = HMAC(self._derived(b"sig\0" + context), SHA256())
        self._mac.update(self._header + b".")
        self._salt = os.urandom(8)
        self._cipher = self._cipher_of(self._salt)
        self._by_header = {self._header: (self._mac, self._cipher)}

    def encode(self, state: Any) -> str:
        """Return the token of a new session."""
        return self._sealed(state, self._salt, self._cipher)

    def encode_fresh(self, state: Any) -> str:
        """Return the token of a new session, sealed with a salt that was never used before."""
        salt = os.urandom(8)
        return self._sealed(state, salt, self._cipher_of(salt))

    def decode(self, token: str) -> Any:
        """Return the state in a token that was sealed with this object's salt."""
        return self._opened(token, None)

    def decode_unseen(self, token: str) -> Any:
        """Return the state in a token; the key is derived for each salt anew."""
        return self._opened(token, self._cipher_of)

    def _sealed(self, state: Any, salt: bytes, cipher: AESGCM) -> str:
        random = os.urandom(28)
        nonce = random[16:]
        claims = _pack((random[:16], int(time()), _TTL, 0, None, state))
        payload = (
            b2a_base64(
                b"\x01" + salt + nonce + cipher.encrypt(nonce, claims, self._header),
                newline=False,
            )
            .translate(_TO_URL)
            .rstrip(b"=")
        )
        mac = self._mac.copy()
        mac.update(payload)
        signature = b2a_base64(mac.finalize(), newline=False).translate(_TO_URL).rstrip(b"=")
        return (b"%b.%b.%b" % (self._header, payload, signature)).decode("ascii")

    def _opened(self, token: str, cipher_of: Callable[[bytes], AESGCM] | None) -> Any:
        if len(token) > _MAX_TOKEN:
            raise ValueError("too long")
        header, payload, signature = token.encode("ascii").split(b".")
        mac, cipher = self._by_header[header]
        mac = mac.copy()
        mac.update(payload)
        expected = b2a_base64(mac.finalize(), newline=False).translate(_TO_URL).rstrip(b"=")
        if not bytes_eq(expected, signature):
            raise ValueError("bad signature")
        data = a2b_base64(payload.translate(_FROM_URL) + b"==")
        if cipher_of is not None:
            cipher = cipher_of(data[1:9])
        _, iat, ttl, _, _, state = _unpack(cipher.decrypt(data[9:21], data[21:], header))
        if time() >= iat + ttl:
            raise ValueError("expired")
        return state

    def _cipher_of(self, salt: bytes) -> AESGCM:
        return AESGCM(self._derived(b"enc\0" + self._context + b"\0" + salt))

    def _derived(self, purpose: bytes) -> bytes:
        info = b"tokensession/v1/" + purpose
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._secret)
