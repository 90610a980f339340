"""Revocations in memory, for tests and single-process services.

They are lost at a restart, and invisible to other processes. By choosing this store the application
accepts that.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from tokensession.directory.decision import MOST_ENDED, denial_of, lives
from tokensession.errors import StoreError
from tokensession.forks import PerProcess
from tokensession.revocation import decision
from tokensession.revocation.decision import Denial, Ended, Entries, Keep, Mark
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.limits import BATCH, CHANGE_BYTES, SWEEP_BATCH, SWEEP_MARGIN
from tokensession.revocation.store import Batch, Capabilities, Counts, Position, Store
from tokensession.sessions.listing import listed_id
from tokensession.stores.arguments import check_size
from tokensession.stores.memory.chains import Chains
from tokensession.stores.memory.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.sessions.listing import Listing, Record


MAX_DENIED: Final = 1_000_000  # session ids, about 60 MB
_KEPT_CHANGES: Final = 10_000  # a copy further behind reads everything
_LOOKS_APART: Final = (
    60  # seconds between two scans of all subjects, of which there can be a million
)


class MemoryStore(Store):
    """Keeps revocations in this process.

    Args:
        max_denied: The most session ids to deny individually. Beyond it, a subject's denied ids
            become a mark, which ends its older sessions too. For a session without a subject the
            call then fails, and so does a new session id.

    Raises:
        ConfigError: `max_denied` is below 1.

    Attributes:
        records: The records of the directory.
    """

    def __init__(self, *, max_denied: int = MAX_DENIED) -> None:
        check_size("max_denied", max_denied, 1)
        self._max_denied = max_denied
        self._entries = RevocationEntries()
        self._chains = Chains()
        self.records: Records = Records()
        self._epoch = secrets.token_hex(8)
        self._life = 0  # the greatest life that any codec has named
        self._number = 0
        # Each change has random bytes, because a forked child continues the numbering.
        self._changes: deque[tuple[str, Batch]] = deque(maxlen=_KEPT_CHANGES)
        self._changed(Batch())
        # For each subject, the greatest start of its denied ids, and the end of an entry for it.
        self._starts: dict[bytes, tuple[int, int]] = {}
        self._looked_at = -_LOOKS_APART  # Unix second of the last scan for ended ones
        self._lock = PerProcess(threading.Lock)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(durable=False, lists_changes=True, loss_accepted=True)

    def create(self) -> None:
        """Memory needs no preparation."""

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        return self._entries.look_up(sid, subject)

    def deny(self, denial: Denial, *, now: int) -> Ended:
        successor = denial.successor
        with self._lock():
            self._expire(now)
            ids = self._end(denial, now)
            subject = None if successor is None else successor.subject
            over = () if denial.listing is None else self._list(denial.listing, now)
            return Ended(ids, self._entries.everyone, self._entries.mark_of(subject), over)

    def _end(self, denial: Denial, now: int) -> tuple[bytes, ...]:
        """Deny an id and the current one of its chain; return them."""
        successor, denial = denial.successor, self._lasting(denial, now)
        ids = [denial.sid]
        current = self._chains.current(denial.sid)
        if current is not None and current != denial.sid:
            ids.append(current)
        if successor is not None and successor.subject == denial.subject:
            self._move_mark(successor.subject, ids, successor.sid)
        for sid in ids:
            self._deny(denial._replace(sid=sid), now)
            if denial.listing is not None:
                self.records.remove(listed_id(sid))
        return tuple(ids)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> Ended:
        with self._lock():
            self._expire(now)
            denial = self._lasting(denial, now)
            entries, sid = self._entries, denial.sid
            current = self._chains.current(sid)
            if current is not None and entries.look_up(current, None).denied:
                current = None
            found = entries.look_up(sid, denial.subject)
            if not decision.is_recorded(denial, new, found, current):
                if entries.denied_count >= self._max_denied:
                    raise StoreError(
                        f"{self._max_denied} session ids are denied, the maximum, so no session "
                        "can get a new id: raise max_denied"
                    )
                self._move_mark(denial.subject, [sid], new)
                self._deny(denial, now)
                self._chains.continue_as(sid, new, denial.until)
                if denial.listing is not None and denial.listing.record is not None:
                    self.records.move(listed_id(sid), denial.listing.record)
            return Ended((sid,), entries.everyone, entries.mark_of(denial.subject))

    def add(self, listing: Listing, *, now: int) -> Ended:
        """List a session that begins; see the directory's protocol."""
        with self._lock():
            over = self._list(listing, now)
            subject = None if listing.record is None else listing.record.subject
            return Ended((), self._entries.everyone, self._entries.mark_of(subject), over)

    def _list(self, listing: Listing, now: int) -> tuple[Record, ...]:
        """List a session, and return those that were ended because they are beyond the limit."""
        record = listing.record
        if record is None:
            return ()
        self.records.expire(now - SWEEP_MARGIN, SWEEP_BATCH)
        self.records.put(record)
        if listing.limit is None:
            return ()
        found = self.records.newest_first(record.subject)
        others = (one for one in found if one.id != record.id and self.lives(one, now))
        over = tuple(islice(others, listing.limit - 1, listing.limit - 1 + MOST_ENDED))
        for one in over:
            self._end(denial_of(one), now)
        return over

    @contextlib.contextmanager
    def listing(self) -> Iterator[MemoryStore]:
        """Give the store while no other thread changes its records."""
        with self._lock():
            yield self

    def lives(self, record: Record, now: int) -> bool:
        """Tell whether a listed session lives."""
        return lives(record, self._entries.look_up(record.sid, record.subject), now)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        with self._lock():
            self._expire(now)
            entries = self._entries
            known = entries.mark_of(subject)
            self._life = max(self._life, life)
            mark = decision.next_mark(known, entries.everyone, keep, now, self._life)
            if mark != known:
                self._put(subject, mark)
        decision.check_moved(decision.NEVER if known is None else known.instant, mark, now)
        return mark

    def revoke_all(self, *, now: int) -> int:
        with self._lock():
            entries = self._entries
            return self._raise(decision.next_everyone(entries.everyone, entries.highest, now))

    def revoke_before(self, instant: int) -> int:
        with self._lock():
            return self._raise(decision.everyone_before(self._entries.everyone, instant))

    def read(self, position: Position | None) -> Iterator[Batch]:
        with self._lock():
            # Read under the lock, so that both belong together.
            here = (self._number, self._changes[-1][0])
            changes = self._since(position)
            if changes is None:
                denied, marks = list(self._entries.denied()), list(self._entries.marks())
                changes = [
                    Batch(denied[at : at + BATCH], marks[at : at + BATCH])
                    for at in range(0, max(len(denied), len(marks)), BATCH)
                ]
            last = Batch(
                (), (), self._entries.everyone, self._entries.highest, self._epoch, here, 0
            )
        yield from (batch._replace(epoch=self._epoch) for batch in changes)
        yield last

    def _since(self, position: Position | None) -> list[Batch] | None:
        if position is None:
            return None
        number, change = position
        known = (
            len(self._changes) - 1 - (self._number - int(number))
        )  # its index, if it is still listed
        if not 0 <= known < len(self._changes) or self._changes[known][0] != change:
            return None
        return [batch for _, batch in list(self._changes)[known + 1 :]]

    def count(self) -> Counts:
        return Counts(self._entries.denied_count, self._entries.mark_count)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        with self._lock():
            self._chains.expire(now, limit)
            return self._entries.expire(now, limit)

    def _lasting(self, denial: Denial, now: int) -> Denial:
        self._life = max(self._life, denial.life)
        return denial.lasting(self._life, now)

    def _expire(self, now: int) -> None:
        self._chains.expire(now - SWEEP_MARGIN, SWEEP_BATCH)
        self._entries.expire(now - SWEEP_MARGIN, SWEEP_BATCH)

    def _deny(self, denial: Denial, now: int) -> None:
        entries = self._entries
        subject, start = denial.subject, denial.started_at
        if subject is not None and start is not None:
            self._note_start(subject, (start, denial.until), now)
        if entries.denied_count < self._max_denied or entries.look_up(denial.sid, None).denied:
            entries.deny(denial.sid, denial.until)
            self._changed(Batch(denied=[(denial.sid, denial.until)]))
            return
        if subject is None or start is None:
            raise StoreError(
                f"{self._max_denied} session ids are denied, the maximum, and this session has no "
                "subject to mark instead: raise max_denied"
            )
        self._coarsen(subject, denial)

    def _note_start(self, subject: bytes, start: tuple[int, int], now: int) -> None:
        if len(self._starts) >= self._max_denied and abs(now - self._looked_at) >= _LOOKS_APART:
            self._looked_at = now
            # Each remaining subject still has a denied id, so there are at most as many.
            ended = [key for key, (_, until) in self._starts.items() if until < now - SWEEP_MARGIN]
            for key in ended:
                del self._starts[key]
        self._starts[subject] = max(self._starts.get(subject, start), start)

    def _coarsen(self, subject: bytes, denial: Denial) -> None:
        """End the subject's sessions up to the last denied one: more than asked, never fewer."""
        known = self._entries.mark_of(subject)
        start, end = self._starts[subject]
        kept = None if known is None or known.kept == denial.sid else known.kept
        if kept is not None and self._entries.look_up(kept, None).denied:
            kept = None
        before = decision.NEVER if known is None else known.instant
        revision = 1 if known is None else known.revision + 1
        until = max(denial.until, end, 0 if known is None else known.until)
        self._put(subject, decision.Mark(max(before, start), kept, until, revision))

    def _move_mark(self, subject: bytes | None, ids: list[bytes], new: bytes) -> None:
        """Let a subject's mark spare `new` if it spares one of `ids`."""
        known = self._entries.mark_of(subject)
        for sid in ids:
            mark = decision.replaced(known, sid, new)
            if mark is not None and subject is not None:
                self._put(subject, mark)

    def _put(self, subject: bytes, mark: Mark) -> None:
        self._entries.put_mark(subject, mark)
        self._changed(Batch(marks=[(subject, mark)]))

    def _raise(self, everyone: int) -> int:
        self._entries.raise_to(everyone=everyone)
        self._changed(Batch(everyone=everyone))
        return everyone

    def _changed(self, change: Batch) -> None:
        self._changes.append((secrets.token_hex(CHANGE_BYTES), change))
        self._number += 1
