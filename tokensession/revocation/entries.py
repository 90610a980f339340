"""Entries in memory, for the memory store and for a replica.

Readers need no lock, because each of their steps is atomic in the interpreter. Writers hold their
own lock. A denied session id takes about 60 bytes: twice its 16, its span, and their containers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.format.claims import SID_BYTES, Subject
from tokensession.revocation.decision import (
    NEVER,
    Entries,
    Mark,
    entries_with,
    is_revoked,
    subject_key,
)
from tokensession.revocation.denied_ids import DeniedIds, span_end, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Span:
    """The entries that end within one span of time: concatenated ids, and subjects."""

    __slots__ = ("sids", "subjects")

    def __init__(self) -> None:
        self.sids = bytearray()
        self.subjects: list[bytes] = []


class RevocationEntries:
    """A set of entries.

    Attributes:
        everyone: The instant for everyone, or -1.
        highest: The greatest mark ever set, or -1.
    """

    def __init__(self) -> None:
        self.everyone: int = NEVER
        self.highest: int = NEVER
        self._denied = DeniedIds()
        self._marks: dict[bytes, Mark] = {}
        self._spans: dict[bytes, _Span] = {}

    def revokes(self, sid: bytes, started_at: int, subject: Subject) -> bool:
        """Tell whether a session is revoked."""
        mark = None
        if started_at <= self.highest and subject is not None:
            mark = self._marks.get(subject_key(subject))  # type: ignore[arg-type]  # not None
        if mark is None and started_at > self.everyone:
            # the usual case: only its id is left to check
            return self._denied.holds(sid)
        return is_revoked(
            sid,
            started_at,
            denied=self._denied.holds(sid),
            everyone=self.everyone,
            mark=NEVER if mark is None else mark.instant,
            kept=None if mark is None else mark.kept,
        )

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return the entries about one session."""
        return entries_with(self.everyone, self.mark_of(subject), denied=sid in self._denied)

    def mark_of(self, subject: bytes | None) -> Mark | None:
        """Return the mark of a subject, or None."""
        return None if subject is None else self._marks.get(subject)

    def deny(self, sid: bytes, until: int) -> None:
        """Add a denied session id."""
        span = span_of(until)
        if self._denied.add(sid, span):
            self._leaving(span).sids.extend(sid)

    def put_mark(self, subject: bytes, mark: Mark) -> None:
        """Store a mark, unless the subject has a later one; the later end counts."""
        known = self._marks.get(subject)
        if known is not None:
            until = max(known.until, mark.until)
            later = (mark.instant, mark.revision) > (known.instant, known.revision)
            mark = (mark if later else known)._replace(until=until)
            if mark == known:
                return
        # `highest` comes first, because readers use it to decide whether to look for a mark.
        self.highest = max(self.highest, mark.instant)
        self._marks[subject] = mark
        span = span_of(mark.until)
        if known is None or span != span_of(known.until):  # otherwise the span has it already
            self._leaving(span).subjects.append(subject)

    def raise_to(self, *, everyone: int = NEVER, highest: int = NEVER) -> None:
        """Raise the instant for everyone and the greatest mark, unless they are higher already."""
        self.everyone = max(self.everyone, everyone)
        self.highest = max(self.highest, highest)

    def expire(self, now: int, limit: int | None = None) -> int:
        """Remove up to `limit` ended entries; return how many."""
        removed = 0
        for span in sorted(span for span in self._spans if span_end(span) < now):
            leaving = self._spans[span]
            sids, subjects = leaving.sids, leaving.subjects
            while sids or subjects:
                if removed == limit:
                    return removed
                # An entry that was stored again with a later end stays.
                if sids:
                    sid = bytes(sids[-SID_BYTES:])
                    del sids[-SID_BYTES:]
                    removed += self._denied.remove(sid, span)
                else:
                    removed += self._remove_mark(subjects.pop(), span)
            del self._spans[span]
        return removed

    def _remove_mark(self, subject: bytes, span: bytes) -> bool:
        mark = self._marks.get(subject)
        if mark is None or span_of(mark.until) > span:
            return False
        del self._marks[subject]
        return True

    def _leaving(self, span: bytes) -> _Span:
        found = self._spans.get(span)
        if found is None:
            found = self._spans[span] = _Span()
        return found

    @property
    def denied_count(self) -> int:
        """The number of denied session ids."""
        return len(self._denied)

    @property
    def mark_count(self) -> int:
        """The number of subjects with a mark."""
        return len(self._marks)

    def denied(self) -> Iterator[tuple[bytes, int]]:
        """Yield the denied session ids, with the second at which each is removed."""
        return ((sid, span_end(span)) for sid, span in self._denied)

    def marks(self) -> Iterator[tuple[bytes, Mark]]:
        """Yield the marks by their subjects' keys."""
        return iter(self._marks.items())
