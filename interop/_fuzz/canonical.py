"""One text for each value, alike in all languages, so that values are compared by a hash of it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(value: Any, *, typed: bool) -> str:  # noqa: PLR0911  # one line for each type
    """Return the text; without `typed` an integer and a float of one value have the same."""
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int) and typed:
        return f"i{value}"
    if isinstance(value, int | float):
        return "d" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, bytes):
        return "b" + value.hex()
    if isinstance(value, datetime):
        return f"T{(value - _EPOCH) // timedelta(milliseconds=1)}"
    if isinstance(value, dict):
        pairs = [f"{k.encode().hex()}:{canonical(v, typed=typed)}" for k, v in value.items()]
        return "{" + ",".join(sorted(pairs)) + "}"
    return "[" + ",".join(canonical(item, typed=typed) for item in value) + "]"


def digest(*values: Any, typed: bool) -> str:
    """Return 16 hex digits that stand for the values."""
    return sha256(canonical(list(values), typed=typed).encode()).hexdigest()[:16]
