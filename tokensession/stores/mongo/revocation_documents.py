"""The documents of the MongoDB store of revocations.

The document of a denied id is that of a chain too. Where another id continues it, the first id's
document names the chain's `current` id, and the documents of the later ids name the `first` one.
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
STORE: Final = "store"  # the id of the one document; those of entries are bytes
DENIED, MARK, CHANGE = b"d", b"m", b"c"  # what the ids of other documents begin with
_SUBJECT_BYTES: Final = 32


def change_name(position: int) -> bytes:
    """Return the id of the document of a change; nothing where there can be none."""
    return CHANGE + position.to_bytes(8, "big") if position >= 0 else b""


def new_change() -> Document:
    """Return the document of a change."""
    return {"kind": "change", "change": secrets.token_bytes(CHANGE_BYTES)}


def checked_store(store: Document | None) -> Document:
    """Return the document of the store."""
    if store is None:
        raise StoreError(
            "the revocation store (mongodb) is empty: it was never created, or it lost its "
            "entries; run create(), and end all older sessions with revoke_all after a loss"
        )
    if store.get("version") != VERSION:
        raise StoreError(
            f"the revocation store (mongodb) is of another version; this library knows {VERSION}"
        )
    numbers = ("everyone", "highest", "life", "position")
    if not all(isinstance(store.get(name), int) for name in numbers):
        raise StoreError("the revocation store (mongodb) holds no numbers where some belong")
    return store


def mark_of(document: Document | None) -> Mark | None:
    """Return the mark of a document."""
    if document is None:
        return None
    numbers = [document.get(name) for name in ("instant", "until", "revision")]
    kept = document.get("kept")
    if not all(isinstance(number, int) for number in numbers) or not (
        kept is None or (isinstance(kept, bytes) and len(kept) == SID_BYTES)
    ):
        raise StoreError("the revocation store (mongodb) holds an invalid mark")
    instant, until, revision = numbers
    return Mark(instant, kept, until, revision)  # type: ignore[arg-type]  # they are numbers


def batch_of(page: list[Document]) -> Batch:
    """Return the entries of a page; count the invalid ones."""
    denied: list[tuple[bytes, int]] = []
    marks: list[tuple[bytes, Mark]] = []
    skipped = 0
    for document in page:
        name, until = document["_id"], document.get("until")
        try:
            if not isinstance(name, bytes):  # such as the id that the driver gives
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
