"""The directory in a history: what its processes do with it, and what the judge says of that."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from tokensession.directory.directory import Directory
from tokensession.sessions.listing import listed_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tokensession import Session, SessionCodec
    from tokensession.stores import Connection

    from .note import Note

LIMITED: Final = "limited"  # the one subject that has a limit
LIMIT: Final = 3


def directories(store: Connection) -> tuple[Directory, Directory]:
    """Return a directory without a limit, and one with it."""
    role = store.directory()
    return Directory(role), Directory(role, limit=LIMIT)


def end_one(codec: SessionCodec[Any], session: Session[Any]) -> bool:
    """End a session from the list of its subject; an id is unknown under another subject."""
    assert session.subject is not None
    assert not codec.end_session(f"not {session.subject}", session.listed_id)
    return codec.end_session(str(session.subject), session.listed_id)


def note_list(codec: SessionCodec[Any], random: Random, note: Note, subjects: int) -> None:
    """Write down where a subject is signed in, page by page."""
    subject = random.choice([LIMITED, *(f"s{number}" for number in range(subjects))])
    began = monotonic()
    found: list[str] = []
    after = None
    while page := codec.sessions(subject, after=after, limit=20):
        found += [one.id for one in page]
        after = page[-1].cursor
        if subject == LIMITED:
            break  # a limit holds at each moment, and the next page is of another
    note.write("listed", began, subject=subject, ids=found)


def faults_of_lists(  # noqa: C901  # each fault in a line
    lines: list[dict[str, Any]],
    begun: dict[str, dict[str, Any]],
    ends: dict[str, tuple[float, float]],
) -> Iterator[str]:
    """Say what the lists had too many, or too few.

    Args:
        lines: Of all processes.
        begun: The sessions that were begun, by their ids.
        ends: For each the moments from which it is over for sure, and perhaps.
    """
    by_id = {listed_id(bytes.fromhex(sid)).hex(): sid for sid in begun}
    of_subject: dict[str, list[str]] = {}
    for sid, session in begun.items():
        of_subject.setdefault(session["subject"], []).append(sid)
    for line in lines:
        if line["what"] != "listed":
            continue
        subject = line["subject"]
        if subject == LIMITED and len(line["ids"]) > LIMIT:
            yield f"{len(line['ids'])} sessions of one subject, of which {LIMIT} are allowed"
        # Unknown is one whose writer was killed before it wrote it down.
        found = [by_id[name] for name in line["ids"] if name in by_id]
        if len(set(found)) != len(found):
            yield f"a session of {subject} is listed twice"
        for sid in found:
            if begun[sid]["subject"] != subject:
                yield f"{sid} is listed for {subject}, whose it is not"
            if line["began"] > ends[sid][0]:
                yield f"{sid} is listed {line['began'] - ends[sid][0]:.2f} s after its end"
        for sid in set(of_subject.get(subject, ())).difference(found):
            if begun[sid]["ended"] < line["began"] and line["ended"] < ends[sid][1]:
                yield f"{sid} lives and is not listed"
