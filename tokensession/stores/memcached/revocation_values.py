"""The values of the Memcached revocation store, as text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tokensession.errors import StoreError
from tokensession.revocation.decision import NEVER, Mark

VERSION: Final = 3

_MARKER = re.compile(rb"(\d{1,9}) ([0-9a-f]{16}) (-?\d{1,17}) (-?\d{1,17}) (\d{1,17})")
_MARK = re.compile(rb"(-?\d{1,17}) (\d{1,17}) (\d{1,17}) (-|[0-9a-f]{32})")
_DENIED = re.compile(rb"(\d{1,17})(?: ([0-9a-f]{32}))?")
_SID = re.compile(rb"[0-9a-f]{32}")


class Marker(NamedTuple):
    """The entries for everyone; its absence shows that the server was flushed."""

    epoch: str
    everyone: int
    highest: int
    life: int


class Denied(NamedTuple):
    """The entry of a denied id."""

    until: int
    new: bytes | None


def marker_text(marker: Marker) -> bytes:
    """Return the text of a marker."""
    numbers = (marker.everyone, marker.highest, marker.life)
    return b"%d %b %d %d %d" % (VERSION, marker.epoch.encode(), *numbers)


def marker_of(text: bytes | None) -> Marker:
    """Return the marker of a text."""
    if text is None:
        raise StoreError(
            "the revocation store (memcached) is empty: it was never created, or was flushed or "
            "restarted. Run create(), and after a loss revoke_all(), which ends all older "
            "sessions"
        )
    found = _MARKER.fullmatch(text)
    if found is None or int(found[1]) != VERSION:
        raise StoreError(
            f"the revocation store (memcached) has another version: use one of version {VERSION}"
        )
    return Marker(found[2].decode(), int(found[3]), int(found[4]), int(found[5]))


def mark_text(mark: Mark) -> bytes:
    """Return the text of a mark."""
    kept = b"-" if mark.kept is None else mark.kept.hex().encode()
    return b"%d %d %d %b" % (mark.instant, mark.until, mark.revision, kept)


def mark_of(text: bytes | None) -> Mark | None:
    """Return the mark of a text."""
    if text is None:
        return None
    found = _MARK.fullmatch(text)
    if found is None:
        raise StoreError("the revocation store (memcached) contains an invalid mark")
    kept = None if found[4] == b"-" else sid_of(found[4])
    return Mark(int(found[1]), kept, int(found[2]), int(found[3]))


def denied_text(entry: Denied) -> bytes:
    """Return the text of a denied id's entry."""
    return b"%d" % entry.until + (b"" if entry.new is None else b" " + sid_text(entry.new))


def denied_of(text: bytes | None) -> Denied:
    """Return the entry in a text. An invalid one denies, and the next write replaces it."""
    found = None if text is None else _DENIED.fullmatch(text)
    if found is None:
        return Denied(NEVER, None)
    return Denied(int(found[1]), sid_of(found[2]))


def sid_text(sid: bytes) -> bytes:
    """Return the text of a session id."""
    return sid.hex().encode()


def sid_of(text: bytes | None) -> bytes | None:
    """Return the session id in a text, or None if it is invalid."""
    return bytes.fromhex(text.decode()) if text is not None and _SID.fullmatch(text) else None
