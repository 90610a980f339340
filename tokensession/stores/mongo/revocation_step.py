"""One step of the MongoDB store of revocations: a transaction that writes its documents."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument

from tokensession.errors import StoreError
from tokensession.format.claims import SID_BYTES
from tokensession.revocation import decision
from tokensession.revocation.limits import MAX_CHANGES, SWEEP_MARGIN
from tokensession.stores.mongo.database import Document, moment
from tokensession.stores.mongo.directory_documents import DirectoryDocuments
from tokensession.stores.mongo.revocation_documents import (
    DENIED,
    MARK,
    STORE,
    change_name,
    checked_store,
    mark_of,
    new_change,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection

    from tokensession.revocation.decision import Denial, Mark


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

    @property
    def records(self) -> DirectoryDocuments:
        """The records of the directory."""
        return DirectoryDocuments(self._entries, self._session)

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


def _sid(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != SID_BYTES:
        raise StoreError("the revocation store (mongodb) holds an invalid session id")
    return value
