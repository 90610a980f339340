"""What the cases of revocation.json are made with."""

from __future__ import annotations

NOW = 1785000000


def sid(number: int) -> str:
    """Give a session id."""
    return bytes([number] * 16).hex()
