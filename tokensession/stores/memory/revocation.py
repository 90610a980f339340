"""Revocations in the memory of one process, for a single-process service and for tests.

A restart forgets them, and no other process knows them: choosing this store says so.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from tokensession.errors import StoreError
from tokensession.forks import call_in_child
from tokensession.revocation import decision
from tokensession.revocation.entries import RevocationEntries
from tokensession.revocation.store import (
    BATCH,
    SWEEP_BATCH,
    SWEEP_MARGIN,
    Batch,
    Capabilities,
    Counts,
)
from tokensession.stores.arguments import check_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.revocation.decision import Denial, Entries, Keep, Mark
    from tokensession.revocation.store import Position

_KEPT_CHANGES: Final = 10_000  # what a replica that reads late can still follow
_LOOKS_APART: Final = 60  # seconds between two looks through all subjects, which may be a million


class MemoryStore:
    """Keeps revocations in this process.

    Args:
        max_denied: The most session ids to deny one by one. Beyond it a subject's denied ids
            become a mark, which ends its older sessions too; without a subject the call fails.

    Raises:
        ConfigError: `max_denied` below 1.
    """

    capabilities: Capabilities = Capabilities(durable=False, lists_changes=True, loss_accepted=True)

    def __init__(self, *, max_denied: int = 1_000_000) -> None:
        check_size("max_denied", max_denied, 1)
        self._max_denied = max_denied
        self._entries = RevocationEntries()
        self._epoch = secrets.token_hex(8)
        self._position = 0
        self._changes: deque[Batch] = deque(maxlen=_KEPT_CHANGES)
        # Of each subject's denied ids the greatest start, and the end of an entry for it.
        self._starts: dict[bytes, tuple[int, int]] = {}
        self._looked_at = -_LOOKS_APART  # Unix second of the last look for those that have ended
        self._begin_anew()
        call_in_child(self, MemoryStore._begin_anew)

    def _begin_anew(self) -> None:
        """Be unlocked: in a new object, or in a child, whose parent may have been writing."""
        self._lock = threading.Lock()

    def create(self) -> None:
        """Do nothing: it is there."""

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what it holds about one session."""
        return self._entries.look_up(sid, subject)

    def deny(self, denial: Denial, *, now: int) -> None:
        """Deny a session id.

        Raises:
            StoreError: `max_denied` are there, and this one has no subject to mark.
        """
        with self._lock:
            self._deny(denial, now)

    def replace(self, denial: Denial, new: bytes, *, now: int) -> None:
        """Deny a session id and, where its subject's mark spares it, spare `new` instead."""
        with self._lock:
            self._deny(denial, now)
            mark = decision.replaced(self._entries.mark_of(denial.subject), denial.sid, new)
            if mark is not None and denial.subject is not None:
                self._put(denial.subject, mark)

    def mark(self, subject: bytes, keep: Keep | None, *, now: int, life: int) -> Mark:
        """Set a subject's mark."""
        with self._lock:
            entries = self._entries
            entries.expire(now - SWEEP_MARGIN, SWEEP_BATCH)
            known = entries.mark_of(subject)
            mark = decision.next_mark(known, entries.everyone, keep, now, life)
            self._put(subject, mark)
            return mark

    def revoke_all(self, *, now: int) -> int:
        """End every session begun so far."""
        with self._lock:
            entries = self._entries
            return self._raise(decision.next_everyone(entries.everyone, entries.highest, now))

    def revoke_before(self, instant: int) -> int:
        """End every session begun before an instant."""
        with self._lock:
            return self._raise(decision.everyone_before(self._entries.everyone, instant))

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give all that it holds, or what has changed since a position."""
        with self._lock:
            # Where the interpreter holds the lock, so that both belong together.
            here = (self._epoch, self._position)
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
        if position is None or position[0] != self._epoch:
            return None
        missing = self._position - int(position[1])
        if not 0 <= missing <= len(self._changes):
            return None
        return list(self._changes)[len(self._changes) - missing :]

    def count(self) -> Counts:
        """Return how many entries it holds."""
        return Counts(self._entries.denied_count, self._entries.mark_count)

    def sweep(self, *, now: int, limit: int = SWEEP_BATCH) -> int:
        """Remove up to `limit` entries whose end is before `now`."""
        with self._lock:
            return self._entries.expire(now, limit)

    def _deny(self, denial: Denial, now: int) -> None:
        entries = self._entries
        entries.expire(now - SWEEP_MARGIN, SWEEP_BATCH)
        subject, start = denial.subject, denial.started_at
        if subject is not None and start is not None:
            self._note_start(subject, (start, denial.until), now)
        if entries.denied_count < self._max_denied or entries.look_up(denial.sid, None).denied:
            entries.deny(denial.sid, denial.until)
            self._changed(Batch(denied=[(denial.sid, denial.until)]))
            return
        if subject is None or start is None:
            raise StoreError(
                f"{self._max_denied} session ids are denied, as many as max_denied allows, and "
                "this one has no subject that could be marked instead: raise max_denied"
            )
        self._coarsen(subject, denial)

    def _note_start(self, subject: bytes, start: tuple[int, int], now: int) -> None:
        if len(self._starts) >= self._max_denied and abs(now - self._looked_at) >= _LOOKS_APART:
            self._looked_at = now
            # Whoever is left here has a denied id still, so there are no more of them than ids.
            ended = [key for key, (_, until) in self._starts.items() if until < now - SWEEP_MARGIN]
            for key in ended:
                del self._starts[key]
        self._starts[subject] = max(self._starts.get(subject, start), start)

    def _coarsen(self, subject: bytes, denial: Denial) -> None:
        """End the subject's sessions up to the last that was denied: more, never fewer."""
        known = self._entries.mark_of(subject)
        start, end = self._starts[subject]
        kept = None if known is None or known.kept == denial.sid else known.kept
        if kept is not None and self._entries.look_up(kept, None).denied:
            kept = None
        before = decision.NEVER if known is None else known.instant
        revision = 1 if known is None else known.revision + 1
        until = max(denial.until, end, 0 if known is None else known.until)
        self._put(subject, decision.Mark(max(before, start), kept, until, revision))

    def _put(self, subject: bytes, mark: Mark) -> None:
        self._entries.put_mark(subject, mark)
        self._changed(Batch(marks=[(subject, mark)]))

    def _raise(self, everyone: int) -> int:
        self._entries.raise_to(everyone=everyone)
        self._changed(Batch(everyone=everyone))
        return everyone

    def _changed(self, change: Batch) -> None:
        self._changes.append(change)
        self._position += 1
