"""The documents of the MongoDB store of revocations, and the transaction that writes them.

The document of a denied id is that of a chain too. Where another id continues it, the first id's
document names the chain's `current` id, and the documents of the later ids name the `first` one.
"""

from __future__ import annotations

import secrets
from time import time
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReturnDocument

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation import decision
from tokensession.revocation.decision import Denial, Mark
from tokensession.revocation.limits import CHANGE_BYTES, MAX_CHANGES, SWEEP_MARGIN
from tokensession.revocation.store import Batch
from tokensession.stores.mongo.database import Document, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection


VERSION: Final = 3
STORE: Final = "store"  # the id of the one document; those of entries are bytes
DENIED, MARK, CHANGE = b"d", b"m", b"c"  # what the ids of other documents begin with
_SUBJECT_BYTES: Final = 32


class Step:
    """One transaction, which has taken its turn by raising the counter."""

    def __init__(self, entries: Collection[Document], session: ClientSession, now: int) -> None:
        self._entries = entries
        self._session = session
        self._now = now
        store = checked_store(
            entries.find_one_and_update(
                {"_id": STORE},
                {"$inc": {"position": 1}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
        )
        self.everyone: int = store["everyone"]
        self.highest: int = store["highest"]
        self.life: int = store["life"]
        self._position: int = store["position"]
        self._append_change()

    def _append_change(self) -> None:
        """Add the change, over one that was restored without its counter; remove the oldest."""
        name, oldest = (change_name(self._position - back) for back in (0, MAX_CHANGES))
        self._entries.replace_one({"_id": name}, new_change(), upsert=True, session=self._session)
        if oldest:
            self._entries.delete_one({"_id": oldest}, session=self._session)

    def end(self, denial: Denial) -> tuple[bytes, ...]:
        sid = denial.sid
        _, current = self._chain(sid)
        denied = (sid,) if current in (None, sid) else (sid, current)
        for one in denied:
            self._deny(one, denial.until)
        return denied

    def continue_as(self, denial: Denial, new: bytes) -> None:
        sid, until = denial.sid, denial.until
        first, current = self._chain(sid)
        if current is not None and self._is_denied(current):
            current = None
        mark = self.mark(denial.subject)
        found = decision.entries_with(self.everyone, mark, denied=self._is_denied(sid))
        if decision.is_recorded(denial, new, found, current):
            return
        if sid != first:
            self._deny(sid, until, first=first)
        # The chain lives as long as the document of its first id.
        self._deny(first, until, current=new)

    def mark(self, subject: bytes | None) -> Mark | None:
        return None if subject is None else mark_of(self._find({"_id": MARK + subject}))

    def put_mark(self, subject: bytes, mark: Mark) -> None:
        values = {"kind": "mark", "instant": mark.instant, "kept": mark.kept}
        self._put(MARK + subject, values | {"revision": mark.revision}, mark.until)

    def raise_everyone(self, to: int) -> None:
        self._raise("everyone", to)

    def raise_highest(self, to: int) -> None:
        self._raise("highest", to)

    def raise_life(self, to: int) -> None:
        self._raise("life", to)

    def _raise(self, name: str, to: int) -> None:
        self._entries.update_one({"_id": STORE}, {"$max": {name: to}}, session=self._session)

    def _is_denied(self, sid: bytes) -> bool:
        return self._find({"_id": DENIED + sid}) is not None

    def _chain(self, sid: bytes) -> tuple[bytes, bytes | None]:
        """Return the first id of a session and the current one, or None where it is the first."""
        found = self._find({"_id": DENIED + sid}) or self._find({"current": sid})
        if found is not None and "first" in found:
            found = self._find({"_id": DENIED + _sid(found["first"])})
        if found is None or "current" not in found:
            return sid, None
        return _sid(found["_id"][len(DENIED) :]), _sid(found["current"])

    def _deny(self, sid: bytes, until: int, **chain: bytes) -> None:
        self._put(DENIED + sid, {"kind": "denied", **chain}, until)

    def _find(self, query: Mapping[str, Any]) -> Document | None:
        return self._entries.find_one(query, session=self._session)

    def _put(self, name: bytes, values: Mapping[str, Any], until: int) -> None:
        # By the host's own clock, as the server's decides when it removes the entry.
        ends = int(time()) + max(until - self._now, 0) + SWEEP_MARGIN
        change = {
            "$set": {**values, "position": self._position},
            "$max": {"until": until, "ends": moment(ends)},
        }
        self._entries.update_one({"_id": name}, change, upsert=True, session=self._session)


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


def _sid(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != SID_BYTES:
        raise StoreError("the revocation store (mongodb) holds an invalid session id")
    return value
