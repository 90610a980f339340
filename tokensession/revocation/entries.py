"""Entries in the memory of a process: of the memory store, and of a replica.

Readers need no lock, as each step that they take is one of the interpreter's; writers hold one of
their own. About 120 bytes for each denied session id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.revocation.decision import NEVER, Entries, is_revoked, subject_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.claims import Subject
    from tokensession.revocation.decision import Mark

_SPAN: Final = 1024  # seconds; entries that end within one span leave together


class _Span:
    """The entries that end within one span of time."""

    __slots__ = ("end", "keys")

    def __init__(self, end: int) -> None:
        self.end = end
        self.keys: list[bytes] = []


class RevocationEntries:
    """A set of entries.

    Attributes:
        everyone: The instant for everyone, or -1.
        highest: The greatest mark ever set, or -1.
    """

    def __init__(self) -> None:
        self.everyone: int = NEVER
        self.highest: int = NEVER
        self._denied: dict[bytes, _Span] = {}
        self._marks: dict[bytes, Mark] = {}
        self._spans: dict[int, _Span] = {}

    def revokes(self, sid: bytes, started_at: int, subject: Subject) -> bool:
        """Tell whether a session is revoked."""
        mark, kept = NEVER, None
        # A session that began after the last mark of all needs no look at its subject's.
        if subject is not None and started_at <= self.highest:
            found = self._marks.get(subject_key(subject))  # type: ignore[arg-type]  # not None
            if found is not None:
                mark, kept = found.instant, found.kept
        return is_revoked(
            sid,
            started_at,
            denied=sid in self._denied,
            everyone=self.everyone,
            mark=mark,
            kept=kept,
        )

    def look_up(self, sid: bytes, subject: bytes | None) -> Entries:
        """Return what there is about one session."""
        mark = None if subject is None else self._marks.get(subject)
        denied = sid in self._denied
        if mark is None:
            return Entries(denied, self.everyone)
        return Entries(denied, self.everyone, mark.instant, mark.kept)

    def mark_of(self, subject: bytes | None) -> Mark | None:
        """Return the mark of a subject."""
        return None if subject is None else self._marks.get(subject)

    def deny(self, sid: bytes, until: int) -> None:
        """Add a denied session id."""
        span = self._span(until)
        known = self._denied.get(sid)
        if known is None or known.end < span.end:
            self._denied[sid] = span
            span.keys.append(sid)

    def put_mark(self, subject: bytes, mark: Mark) -> None:
        """Put a mark, unless a later one of this subject is there."""
        known = self._marks.get(subject)
        if known is not None and (known.instant, known.revision) >= (mark.instant, mark.revision):
            return
        # First what it is found by: a reader sees the mark at once, or not yet.
        self.highest = max(self.highest, mark.instant)
        self._marks[subject] = mark
        self._span(mark.until).keys.append(subject)

    def raise_to(self, *, everyone: int = NEVER, highest: int = NEVER) -> None:
        """Raise the instant for everyone and the greatest mark, where they are below."""
        self.everyone = max(self.everyone, everyone)
        self.highest = max(self.highest, highest)

    def expire(self, now: int, limit: int | None = None) -> int:
        """Remove up to `limit` entries that have ended; return how many."""
        removed = 0
        for end in sorted(end for end in self._spans if end < now):
            span = self._spans[end]
            while span.keys:
                if removed == limit:
                    return removed
                removed += self._remove(span.keys.pop(), span)
            del self._spans[end]
        return removed

    def _remove(self, key: bytes, span: _Span) -> bool:
        if self._denied.get(key) is span:
            del self._denied[key]
            return True
        mark = self._marks.get(key)
        if mark is not None and self._end(mark.until) <= span.end:
            del self._marks[key]
            return True
        return False  # it was put again, to live longer

    @staticmethod
    def _end(until: int) -> int:
        return -(-until // _SPAN) * _SPAN

    def _span(self, until: int) -> _Span:
        end = self._end(until)
        span = self._spans.get(end)
        if span is None:
            span = self._spans[end] = _Span(end)
        return span

    @property
    def denied_count(self) -> int:
        """How many session ids are denied."""
        return len(self._denied)

    @property
    def mark_count(self) -> int:
        """How many subjects have a mark."""
        return len(self._marks)

    def denied(self) -> Iterator[tuple[bytes, int]]:
        """Give the denied session ids with the second at which each leaves."""
        return ((sid, span.end) for sid, span in self._denied.items())

    def marks(self) -> Iterator[tuple[bytes, Mark]]:
        """Give the marks by their subjects' keys."""
        return iter(self._marks.items())
