"""Base64url without padding, in exactly one spelling (RFC 4648 sections 3.5 and 5)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

_TO_URL = bytes.maketrans(b"+/", b"-_")
# The three characters of the other alphabet become one that no alphabet has.
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"", b"==", b"=")
_REASON = "not canonical base64url without padding"
# Last characters whose unused low bits are zero, by the length of the text modulo 4. No text has
# the length 1 modulo 4.
_LAST = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    b"",
    b"AQgw",
    b"AEIMQUYcgkosw048",
)


def b64url_encode(data: bytes) -> bytes:
    """Return `data` as base64url text without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


class NotCanonical(ValueError):
    """Text that is not the canonical base64url of any bytes."""


def b64url_decode(text: bytes) -> bytes:
    """Return the bytes that `text` is the canonical spelling of.

    Raises:
        NotCanonical: Empty text, another alphabet, white space, padding, an impossible length, or
            unused bits that are not zero.
    """
    tail = len(text) & 3
    if not text or text[-1] not in _LAST[tail]:
        raise NotCanonical(_REASON)
    try:
        return a2b_base64(text.translate(_FROM_URL) + _PADDING[tail], strict_mode=True)
    except ValueError:
        raise NotCanonical(_REASON) from None
