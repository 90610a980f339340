"""The documents of the MongoDB revocation store.

The document of a denied id also stores its chain. The first id's document has the chain's `current`
id, and the documents of later ids have the `first` one.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation.decision import Mark
from tokensession.revocation.limits import CHANGE_BYTES
from tokensession.revocation.store import Batch

if TYPE_CHECKING:
    from tokensession.stores.mongo.database import Document

VERSION: Final = 3
STORE: Final = "store"  # the id of the single store document; entries' ids are bytes
DENIED, MARK, CHANGE = b"d", b"m", b"c"  # the first byte of the ids of other documents
_SUBJECT_BYTES: Final = 32


def change_name(position: int) -> bytes:
    """Return the id of a change's document, or an empty one if the position is impossible."""
    return CHANGE + position.to_bytes(8, "big") if position >= 0 else b""


def new_change() -> Document:
    """Return a new change document."""
    return {"kind": "change", "change": secrets.token_bytes(CHANGE_BYTES)}


def checked_store(store: Document | None) -> Document:
    """Return the valid store document, or raise StoreError."""
    if store is None:
        raise StoreError(
            "the revocation store (mongodb) is empty: it was never created, or lost its entries. "
            "Run create(), and after a loss revoke_all(), which ends all older sessions"
        )
    if store.get("version") != VERSION:
        raise StoreError(
            f"the revocation store (mongodb) has another version: use one of version {VERSION}"
        )
    numbers = ("everyone", "highest", "life", "position")
    if not all(isinstance(store.get(name), int) for name in numbers):
        raise StoreError("the revocation store (mongodb) contains an invalid number")
    return store


def mark_of(document: Document | None) -> Mark | None:
    """Return the mark in a document, or None."""
    if document is None:
        return None
    numbers = [document.get(name) for name in ("instant", "until", "revision")]
    kept = document.get("kept")
    if not all(isinstance(number, int) for number in numbers) or not (
        kept is None or (isinstance(kept, bytes) and len(kept) == SID_BYTES)
    ):
        raise StoreError("the revocation store (mongodb) contains an invalid mark")
    instant, until, revision = numbers
    return Mark(instant, kept, until, revision)  # type: ignore[arg-type]  # they are numbers


def batch_of(page: list[Document]) -> Batch:
    """Return the entries of a page, and count the invalid ones."""
    denied: list[tuple[bytes, int]] = []
    marks: list[tuple[bytes, Mark]] = []
    skipped = 0
    for document in page:
        name, until = document["_id"], document.get("until")
        try:
            if not isinstance(name, bytes):  # for example the driver's default id
                skipped += 1
            elif document["kind"] == "mark" and len(name) == len(MARK) + _SUBJECT_BYTES:
                mark = mark_of(document)
                assert mark is not None
                marks.append((name[len(MARK) :], mark))
            elif len(name) == len(DENIED) + SID_BYTES and isinstance(until, int):
                denied.append((name[len(DENIED) :], until))
            else:
                skipped += 1
        except StoreError:
            skipped += 1
    return Batch(denied, marks, skipped=skipped)
