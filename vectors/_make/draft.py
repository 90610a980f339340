"""A token as the sum of its parts, each of which can be replaced by a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .material import Key, b64u, derive_enc_key, seeded

if TYPE_CHECKING:
    from .msgpack import Json

VERSION = 1
MAX_CHARACTERS = 8192


def header_text(alg: str, kid: str) -> str:
    """Give the one spelling of a header."""
    return f'{{"alg":"{alg}","kid":"{kid}"}}'


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A token to be; what is None follows from the rest, so that one part can be wrong alone.

    Attributes:
        label: what salt and nonce are made from, where they are not given.
        header: the header's text, or the segment itself in `header_segment`.
        aad: what the encryption binds; the header segment where None.
        payload: the bytes before base64url, or the segment itself in `payload_segment`.
        signature: its bytes, or the segment itself in `signature_segment`.
    """

    key: Key
    plaintext: bytes
    label: str = ""
    context: str = "session"
    salt: bytes | None = None
    nonce: bytes | None = None
    version: int = VERSION
    header: str | None = None
    header_segment: str | None = None
    aad: bytes | None = None
    enc_key: bytes | None = None
    payload: bytes | None = None
    payload_segment: str | None = None
    signature: bytes | None = None
    signature_segment: str | None = None

    def the_salt(self) -> bytes:
        """Give the eight bytes that the encryption key is derived with."""
        return seeded(f"salt/{self.label}", 8) if self.salt is None else self.salt

    def the_nonce(self) -> bytes:
        """Give the twelve bytes that the encryption starts from."""
        return seeded(f"nonce/{self.label}", 12) if self.nonce is None else self.nonce

    def the_enc_key(self) -> bytes:
        """Give the key of the encryption."""
        if self.enc_key is not None:
            return self.enc_key
        return derive_enc_key(self.key.secret, self.context, self.the_salt())

    def the_header(self) -> str:
        """Give the header's segment."""
        if self.header_segment is not None:
            return self.header_segment
        text = self.header
        return b64u((header_text(self.key.alg, self.key.kid) if text is None else text).encode())

    def the_payload(self) -> bytes:
        """Give the payload's bytes."""
        if self.payload is not None:
            return self.payload
        aad = self.the_header().encode() if self.aad is None else self.aad
        sealed = AESGCM(self.the_enc_key()).encrypt(self.the_nonce(), self.plaintext, aad)
        return bytes([self.version]) + self.the_salt() + self.the_nonce() + sealed

    def the_signing_input(self) -> str:
        """Give the text that is signed: header, dot and payload as they are spelled."""
        segment = self.payload_segment
        return f"{self.the_header()}.{b64u(self.the_payload()) if segment is None else segment}"

    def the_signature(self) -> bytes:
        """Give the signature's bytes."""
        if self.signature is not None:
            return self.signature
        return self.key.sign(self.the_signing_input().encode(), self.context)

    def text(self) -> str:
        """Give the token."""
        segment = self.signature_segment
        last = b64u(self.the_signature()) if segment is None else segment
        return f"{self.the_signing_input()}.{last}"

    def layers(self) -> dict[str, Json]:
        """Give every value on the way to the token."""
        return {
            **self.key.layers(self.context),
            "enc_key": self.the_enc_key().hex(),
            "header": header_text(self.key.alg, self.key.kid),
            "salt": self.the_salt().hex(),
            "nonce": self.the_nonce().hex(),
            "plaintext": self.plaintext.hex(),
            "payload": self.the_payload().hex(),
            "signing_input": self.the_signing_input(),
            "signature": self.the_signature().hex(),
        }


def flip(data: bytes, index: int, bit: int = 0) -> bytes:
    """Give the bytes with one bit turned."""
    turned = bytearray(data)
    turned[index] ^= 1 << bit
    return bytes(turned)
