"""Records as the text in which the Redis directory keeps them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tokensession.errors import StoreError
from tokensession.sessions.listing import Record

if TYPE_CHECKING:
    from tokensession.sessions.listing import Listing

_NO_PROVIDER: Final = bytes(32)
_TEXT = re.compile(rb"(\d+) (\d+) (\d+) (\d+) (.{16})(.{32})(.{32})(.*)", re.DOTALL)


def text_of(record: Record) -> bytes:
    """Return the text of a record."""
    numbers = record.started_at, record.last_seen, record.ends_at, record.dies_at
    texts = (record.sid, record.subject, record.provider or _NO_PROVIDER, record.label.encode())
    return " ".join(map(str, (*numbers, ""))).encode() + b"".join(texts)


def place_of(subject: bytes, after: tuple[int, bytes] | None) -> bytes:
    """Return where the sessions of a subject begin that come after one, the newest first."""
    if after is None:
        return b"(%b:" % subject  # after all digits
    return b"(%b%016d%b" % (subject, *after)


def arguments_of(listing: Listing, now: int) -> tuple[bytes | int, ...]:
    """Return the arguments by which a script lists a session."""
    record = listing.record
    if record is None:
        return b"", b"", b"", 0, now
    return record.id, text_of(record), record.subject, listing.limit or 0, now


def records_in(answer: list[bytes]) -> list[Record]:
    """Return the records in the answer of a script."""
    return [_record(name, text) for name, text in zip(answer[::2], answer[1::2], strict=True)]


def _record(name: bytes, text: bytes) -> Record:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise StoreError("the directory (redis) returned an invalid record")
    *texts, sid, subject, provider, label = found.groups()
    started_at, last_seen, ends_at, dies_at = map(int, texts)
    return Record(
        name, sid, subject, started_at, last_seen, ends_at, dies_at,
        label.decode(errors="replace"), None if provider == _NO_PROVIDER else provider,
    )  # fmt: skip
