"""Decode the signed part of a legacy cookie: base64, zlib and JSON, within limits.

The part is authentic. But the secret may also sign other content, so each step takes limited time,
memory and stack.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import re
import zlib
from typing import Any, Final

from tokensession.errors import BadClaims

MAX_INFLATED: Final = 65536  # bytes; many times what fits into a cookie
MAX_NESTING: Final = 128  # levels of JSON; Flask's tags take two for each level of a state

_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_STRINGS_AND_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def decoded(text: bytes) -> bytes:
    """Return the bytes of base64 text of either alphabet, padded or not."""
    text = text.rstrip(b"=").translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise BadClaims("the signed value is not base64") from None


def inflated(data: bytes) -> bytes:
    """Return decompressed zlib data of at most 65536 bytes."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, MAX_INFLATED)
    except zlib.error:
        raise BadClaims("the signed value does not decompress") from None
    if not inflater.eof:
        raise BadClaims(f"the signed value is truncated or over {MAX_INFLATED} bytes, decompressed")
    return content


def inflated_text(text: bytes) -> bytes:
    """Return the bytes of base64 text, decompressed if it starts with a dot."""
    return inflated(decoded(text[1:])) if text.startswith(b".") else decoded(text)


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in UTF-8 data."""
    if nests_too_deep(data):
        raise BadClaims(f"the signed value is nested deeper than {MAX_NESTING} levels")
    content = None
    with contextlib.suppress(ValueError):
        content = json.loads(data.decode())
    if isinstance(content, dict):
        return content
    # Raised outside the except block, so that no chained exception holds the content.
    raise BadClaims("the signed value is not a JSON object")


def nests_too_deep(data: bytes) -> bool:
    """Tell, without recursion, whether JSON is nested deeper than 128 levels."""
    if data.count(b"[") + data.count(b"{") <= MAX_NESTING:
        return False
    depth = 0
    for found in _STRINGS_AND_BRACKETS.finditer(data):
        first = found[0][:1]
        if first in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                return True
        elif first in b"]}":
            depth -= 1
    return False
