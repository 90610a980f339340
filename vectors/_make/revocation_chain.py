"""Calls on a model of a revocation list, which shares no code with the library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .revocation_cases import NOW, sid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case

A, B, C, D, E = (sid(number) for number in range(1, 6))
ADA, BOB = "ada", "bob"
MARK = NOW + 5  # what the first mark or instant made at NOW is at least

Call = dict[str, "Json"]


@dataclass
class Listed:
    """What a list holds.

    Attributes:
        denied: The denied session ids.
        current: For each id that was given up, the id that took its place.
        marks: For each subject its mark.
        kept: For each subject the session id that the mark spares.
        everyone: The instant for everyone, or -1.
    """

    denied: set[str] = field(default_factory=set)
    current: dict[str, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    everyone: int = -1

    def latest(self, session: str) -> str:
        """Follow a session from one of its ids to the current one."""
        while session in self.current:
            session = self.current[session]
        return session

    def revokes(self, session: str, start: int, subject: str | None) -> bool:
        """Decide about a session."""
        if session in self.denied or start <= self.everyone:
            return True
        if subject is None or start > self.marks.get(subject, -1):
            return False
        return self.kept.get(subject) != session

    def apply(self, call: Call) -> str:
        """Do what a call says, and return its word."""
        name, subject = call["call"], str(call.get("sub"))
        if name == "revoke_subject":
            former = self.marks.get(subject, -1)
            mark = max(former + 1, self.everyone + 1, NOW + 5)
            moves = mark <= max(NOW + 9, self.everyone + 1)
            self.marks[subject] = mark if moves else former
            spared, keep = self.kept.pop(subject, None), call["keep"]
            if isinstance(keep, dict):
                assert isinstance(keep["start"], int)
                if keep["start"] > former or keep["sid"] == spared:
                    self.kept[subject] = str(keep["sid"])
            return "ok" if moves else "store_error"
        if name == "revoke_before":
            assert isinstance(call["before"], int)
            self.everyone = max(self.everyone, call["before"] - 1)
            return "ok"
        return self._replace(call) if name == "replace" else self._deny(call)

    def _deny(self, call: Call) -> str:
        session, subject, successor = str(call["sid"]), call["sub"], call["successor"]
        ended = {session, self.latest(session)}
        self.denied |= ended
        if isinstance(successor, dict) and subject is not None and successor["sub"] == subject:
            self._move(str(subject), ended, str(successor["sid"]))
        return "ok"

    def _replace(self, call: Call) -> str:
        session, start, new = str(call["sid"]), call["start"], str(call["new"])
        subject = None if call["sub"] is None else str(call["sub"])
        assert isinstance(start, int)
        if self.current.get(session) == new and self.latest(session) == new:
            return "ok" if new not in self.denied else "revoked"
        if self.revokes(session, start, subject):
            return "revoked"
        self.denied.add(session)
        self.current[session] = new
        if subject is not None:
            self._move(subject, {session}, new)
        return "ok"

    def _move(self, subject: str, ended: set[str], new: str) -> None:
        if self.kept.get(subject) in ended:
            self.kept[subject] = new


def deny(
    session: str, successor: tuple[str, Json] | None = None, *, sub: Json = ADA, start: int = NOW
) -> Call:
    """End a session; perhaps another one follows it."""
    after: Json = None if successor is None else {"sid": successor[0], "sub": successor[1]}
    return {"call": "deny", "sid": session, "start": start, "sub": sub, "successor": after}


def replace(session: str, new: str, *, sub: Json = ADA, start: int = NOW) -> Call:
    """Let a session continue under another id."""
    return {"call": "replace", "sid": session, "start": start, "sub": sub, "new": new}


def mark(keep: str | None = None, sub: str = ADA, start: int = NOW) -> Call:
    """End the sessions of a subject, perhaps all but one."""
    kept: Json = None if keep is None else {"sid": keep, "start": start}
    return {"call": "revoke_subject", "sub": sub, "keep": kept}


def before(instant: int) -> Call:
    """End what began before an instant."""
    return {"call": "revoke_before", "before": instant}


def chain() -> Iterator[Case]:
    """Give the cases of L4."""
    yield from _replaced()
    yield from _ended()
    yield from _marked()
    yield from _followed()
    yield from _kept()


def _case(slug: str, comment: str, calls: list[Call], *after: str | tuple[str, int, Json]) -> Case:
    """Give a case: calls of which all but the last are answered ok, and what has ended then.

    `after` has the sessions to look at: ids of Ada's that began at NOW, or id, start and subject.
    """
    listed = Listed()
    *first, last = [listed.apply(call) for call in calls]
    if set(first) - {"ok"}:
        raise ValueError(f"only the last call of {slug} can be refused")
    sessions = [(one, NOW, ADA) if isinstance(one, str) else one for one in after]
    found: list[Json] = [
        {
            "sid": session,
            "start": start,
            "sub": sub,
            "word": "revoked"
            if listed.revokes(session, start, None if sub is None else str(sub))
            else "ok",
        }
        for session, start, sub in sessions
    ]
    return {
        "id": f"revocation/chain-{slug}",
        "rule": "L4",
        "comment": comment,
        "now": NOW,
        "calls": list(calls),
        "expect": last,
        "after": found,
    }


def _replaced() -> Iterator[Case]:
    first, second = replace(A, B), replace(B, C)
    for slug, comment, calls, after in (
        ("replace", "The old id has ended, the new one continues.", [first], [A, B]),
        ("replace-again", "The new id gets a new one.", [first, second], [A, B, C]),
        ("replace-twice", "Another id continues the session already.",
         [first, replace(A, C)], [A, B]),
        ("replace-given-up", "An id in the middle was given up.",
         [first, second, replace(B, D)], [A, B, C]),
        ("replace-first-again", "The first id was given up before that.",
         [first, second, replace(A, D)], [A, B, C]),
        ("repeated", "The very same call, because its answer was lost.", [first, first], [A, B]),
        ("repeated-in-the-middle", "The same, of an id that was new itself.",
         [first, second, second], [A, B, C]),
        ("repeated-late", "The very same call, after the new id was given up.",
         [first, second, first], [A, B, C]),
        ("apart", "Two sessions of one subject have a chain each.",
         [first, replace(D, E)], [A, B, D, E]),
    ):  # fmt: skip
        yield _case(slug, comment, calls, *after)
    yield _case("replace-no-subject", "A session without subject.", [replace(A, B, sub=None)],
                (A, NOW, None), (B, NOW, None))  # fmt: skip


def _ended() -> Iterator[Case]:
    first, second = replace(A, B), replace(B, C)
    for slug, comment, calls, after in (
        ("denied", "It was denied.", [deny(A), replace(A, B)], [A]),
        ("denied-repeated", "To deny it twice is allowed.", [deny(A), deny(A), replace(A, B)], [A]),
        ("denied-old", "The current id ends with the old one.",
         [first, deny(A), replace(B, C)], [A, B]),
        ("denied-old-repeated", "The same, denied twice.",
         [first, deny(A), deny(A), replace(B, C)], [A, B]),
        ("denied-new", "The current id ends by itself.", [first, deny(B), replace(B, C)], [A, B]),
        ("denied-first", "The current id ends with the first.",
         [first, second, deny(A), replace(C, D)], [A, B, C]),
        ("denied-middle", "And with one in the middle.",
         [first, second, deny(B), replace(C, D)], [A, B, C]),
        ("denied-last", "And by itself.", [first, second, deny(C), replace(C, D)], [A, B, C]),
        ("denied-apart", "The chain of another session goes on.",
         [first, replace(D, E), deny(A), replace(B, C)], [A, B, D, E]),
        ("repeated-after-deny", "The very same call, after a sign-out by the old id.",
         [first, deny(A), first], [A, B]),
        ("repeated-after-deny-new", "The very same call, after a sign-out by the new id.",
         [first, deny(B), first], [A, B]),
    ):  # fmt: skip
        yield _case(slug, comment, calls, *after)
    calls = [replace(A, B, sub=None), deny(A, sub=None)]
    yield _case("denied-no-subject", "A session without subject ends by its old id.",
                [*calls, replace(B, C, sub=None)], (A, NOW, None), (B, NOW, None))  # fmt: skip


def _marked() -> Iterator[Case]:
    for slug, comment, calls, after in (
        ("replace-marked", "Its subject's mark has ended it.", [mark(), replace(A, B)], [A]),
        ("replace-marked-other", "The mark spares another session.",
         [mark(D), replace(A, B)], [A, D]),
        ("replace-kept", "The mark spares it, and then the new id.",
         [mark(A), replace(A, B)], [A, B, D]),
        ("replace-not-kept", "The mark spares another session, and goes on to do so.",
         [mark(D), replace(A, B, start=MARK + 1)], [D, (B, MARK + 1, ADA)]),
        ("replace-kept-again", "And the id after that.",
         [mark(A), replace(A, B), replace(B, C)], [A, B, C, D]),
        ("repeated-kept", "The very same call moves nothing twice.",
         [mark(A), replace(A, B), replace(A, B)], [A, B, D]),
        ("replace-kept-other", "Another subject's mark spares nothing of it.",
         [mark(), mark(A, BOB), replace(A, B)], [A]),
        ("replace-marked-current", "The mark came after the first new id.",
         [replace(A, B), mark(), replace(B, C)], [A, B]),
        ("replace-current-kept", "The mark spares the first new id.",
         [replace(A, B), mark(B), replace(B, C)], [A, B, C]),
        ("replace-everyone", "The instant for everyone has ended it.",
         [before(NOW + 1), replace(A, B)], [A]),
        ("replace-after-everyone", "It began the second after that instant.",
         [before(NOW), replace(A, B)], [A, B]),
        ("replace-kept-everyone", "The mark spares it, the instant does not.",
         [mark(A), before(NOW + 1), replace(A, B)], [A]),
        ("denied-marked", "A session that its mark has ended is denied all the same.",
         [mark(), deny(A), replace(A, B)], [A, (A, MARK + 1, ADA)]),
        ("keep-new-id", "A second mark spares the id that the spared session has got.",
         [mark(A), replace(A, B), mark(B)], [A, B]),
        ("denied-old-kept", "What the mark spares ends with the old id.",
         [replace(A, B), mark(B), deny(A), replace(B, C)], [A, B]),
    ):  # fmt: skip
        yield _case(slug, comment, calls, *after)
    for slug, start, seconds in (("at", MARK, "at"), ("after", MARK + 1, "the second after")):
        yield _case(f"replace-{slug}-mark", f"It began {seconds} its subject's mark.",
                    [mark(), replace(A, B, start=start)], (A, start, ADA),
                    *([] if slug == "at" else [(B, start, ADA)]))  # fmt: skip


def _followed() -> Iterator[Case]:
    for slug, comment, calls, after in (
        ("successor-kept", "The mark spared it, and then its successor of the same subject.",
         [mark(A), deny(A, (B, ADA)), replace(A, C)], [A, B, D]),
        ("successor-of-current-kept", "The mark spared the current id, which the old one ends.",
         [replace(A, B), mark(B), deny(A, (C, ADA)), replace(B, D)], [A, B, C]),
        ("successor-after-replace-kept", "The mark spared the first id, then the current.",
         [mark(A), replace(A, B), deny(B, (C, ADA)), replace(B, D)], [A, B, C]),
        ("successor-not-kept", "The mark spares another session, and goes on to do so.",
         [mark(D), deny(A, (B, ADA))], [A, B, D]),
        ("successor-of-another", "A successor of another subject is not spared.",
         [mark(A), deny(A, (B, BOB)), replace(A, C)], [A, B, (B, NOW, BOB)]),
        ("successor-of-none", "Nor is one without a subject.",
         [mark(A), deny(A, (B, None))], [A, B, (B, NOW, None)]),
        ("successor-after-none", "The denied session has no subject, so no mark is looked at.",
         [mark(A), deny(A, (B, ADA), sub=None)], [A, B]),
        ("successor-apart", "A successor is another session, which does not end with the first.",
         [deny(A, (B, ADA)), deny(A), replace(A, C)], [A, B]),
        ("successor-replaced", "It gets a new id as any other session does.",
         [deny(A, (B, ADA)), replace(B, C)], [A, B, C]),
    ):  # fmt: skip
        yield _case(slug, comment, calls, *after)


def _kept() -> Iterator[Case]:
    again = [mark(A)] * 5
    for slug, comment, calls, after in (
        ("kept-ended", "What the former mark has ended is not spared.", [mark(A), mark(B)], [A, B]),
        ("kept-again", "What it spared is spared again.", [mark(A), mark(A)], [A, B]),
        ("kept-later", "What began after it is spared in place of the former.",
         [mark(A), mark(B, start=MARK + 1)], [A, (B, MARK + 1, ADA)]),
        ("kept-at-mark", "Not what began in the second of the former mark.",
         [mark(A), mark(B, start=MARK)], [A, (B, MARK, ADA)]),
        ("kept-none", "And nothing, if none is named.", [mark(A), mark()], [A]),
        ("mark-stays", "A mark that cannot move ends nothing more.",
         [*again, mark(A)], [A, B, (C, MARK + 4, ADA), (D, MARK + 5, ADA)]),
        ("mark-stays-kept", "What it spares is replaced all the same.",
         [*again, mark(B, start=MARK + 5)], [A, (B, MARK + 5, ADA)]),
        ("mark-stays-kept-none", "By nothing, too.", [*again, mark()], [A]),
        ("mark-stays-kept-ended", "Not by what it has ended.", [*again, mark(B)], [A, B]),
    ):  # fmt: skip
        yield _case(slug, comment, calls, *after)
