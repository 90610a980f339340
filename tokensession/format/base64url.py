"""Canonical base64url without padding (RFC 4648 sections 3.5 and 5).

msgspec does the work: its JSON codec writes bytes as base64, and reads them three times as fast as
binascii.
"""

from __future__ import annotations

import msgspec

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
# A byte outside the alphabet becomes a character that is in no alphabet.
_FROM_URL = bytes(
    byte if byte in _ALPHABET[:62] else {ord("-"): ord("+"), ord("_"): ord("/")}.get(byte, ord("!"))
    for byte in range(256)
)
# The end of the JSON text, by the length of the base64url text modulo 4; length 1 is impossible.
_ENDS = (b'"', b"", b'=="', b'="')
# The last characters whose unused low bits are zero, by the same index.
_LAST = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")
_REASON = "not canonical base64url without padding"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(bytes).decode


class NotCanonical(ValueError):
    """The text is not canonical base64url."""


def b64url_encode(data: bytes) -> bytes:
    """Return `data` as base64url text without padding."""
    return _encode(data).translate(_TO_URL).strip(b'"=')


def b64url_decode(text: bytes) -> bytes:
    """Return the bytes of a canonical base64url text.

    Raises:
        NotCanonical: The text is empty or of an impossible length, or contains other characters,
            padding or unused bits that are not zero.
    """
    tail = len(text) & 3
    if not text or text[-1] not in _LAST[tail]:
        raise NotCanonical(_REASON)
    try:
        return _decode(b'"%b%b' % (text.translate(_FROM_URL), _ENDS[tail]))
    except msgspec.ValidationError:
        raise NotCanonical(_REASON) from None
