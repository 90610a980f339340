"""revocation.json: which sessions a list of revocations ends, and what its operations add to it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from .claims_model import MAX_SAFE
from .revocation_cases import NOW, sid
from .revocation_chain import chain
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from .msgpack import Json

SID, OTHER, THIRD = (sid(number) for number in (1, 2, 3))
LEEWAY = 60


def revocation() -> dict[str, Json]:
    """Give the content of revocation.json."""
    comment = (
        "A list of revocations and a session: revoked or ok. Then operations on a list: the"
        " entries that they give. Then calls on an empty list: the last one's word, and what has"
        " ended after it."
    )
    decisions = [*_denied(), *_everyone(), *_marks(), *_subjects()]
    cases = [*decisions, *_operations(), *_beginnings(), *chain()]
    return vector_file("revocation", comment, cases)


def _key(subject: str) -> str:
    return sha256(subject.encode()).hexdigest()


def _mark(instant: int, kept: str | None = None, subject: str = "ada") -> Json:
    return {"subject": _key(subject), "instant": instant, "kept": kept}


def _case(
    slug: str,
    comment: str,
    expect: str,
    *,
    start: int = NOW,
    sub: Json = "ada",
    denied: tuple[str, ...] = (),
    everyone: int | None = None,
    marks: tuple[Json, ...] = (),
    rule: str = "R9",
) -> Case:
    return {
        "id": f"revocation/{slug}",
        "rule": rule,
        "comment": comment,
        "session": {"sid": SID, "start": start, "sub": sub},
        "entries": {"denied": list(denied), "everyone": everyone, "marks": list(marks)},
        "expect": expect,
    }


def _denied() -> list[Case]:
    return [
        _case("empty", "Nothing is listed.", "ok"),
        _case("empty-epoch", "Nothing is listed, and the session began in 1970.", "ok", start=0),
        _case("denied", "Its session id is denied.", "revoked", denied=(OTHER, SID)),
        _case("denied-no-subject", "The same without a subject.", "revoked", sub=None,
              denied=(SID,)),
        _case("denied-late-start", "However late it began.", "revoked", start=MAX_SAFE,
              denied=(SID,)),
        _case("denied-other", "Others are denied.", "ok", denied=(OTHER, THIRD)),
    ]  # fmt: skip


def _everyone() -> list[Case]:
    return [
        _case("everyone-before", "It began the second before the instant.", "revoked",
              start=NOW - 1, everyone=NOW),
        _case("everyone-at", "It began at the instant.", "revoked", everyone=NOW),
        _case("everyone-after", "It began the second after.", "ok", start=NOW + 1, everyone=NOW),
        _case("everyone-no-subject", "Without a subject too.", "revoked", sub=None, everyone=NOW),
        _case("everyone-zero", "The instant 0 ends what began at 0.", "revoked", start=0,
              everyone=0),
        _case("everyone-beside-older-mark", "The subject's mark is older.", "revoked",
              everyone=NOW, marks=(_mark(NOW - 9),)),
    ]  # fmt: skip


def _marks() -> list[Case]:
    return [
        _case("mark-before", "It began the second before its subject's mark.", "revoked",
              start=NOW - 1, marks=(_mark(NOW),)),
        _case("mark-at", "It began at the mark.", "revoked", marks=(_mark(NOW),)),
        _case("mark-after", "It began the second after.", "ok", start=NOW + 1,
              marks=(_mark(NOW),)),
        _case("mark-no-subject", "A session without subject has no mark.", "ok", sub=None,
              marks=(_mark(NOW, subject=""), _mark(NOW, subject="None"))),
        _case("mark-of-another", "The mark is another subject's.", "ok",
              marks=(_mark(NOW, subject="bob"),)),
        _case("mark-beside-older-everyone", "The instant for everyone is older.", "revoked",
              everyone=NOW - 9, marks=(_mark(NOW),)),
        _case("kept", "The mark spares it.", "ok", marks=(_mark(NOW, SID),)),
        _case("kept-other", "The mark spares another.", "revoked", marks=(_mark(NOW, OTHER),)),
        _case("kept-denied", "The mark spares it, and it is denied.", "revoked", denied=(SID,),
              marks=(_mark(NOW, SID),)),
        _case("kept-everyone", "The mark spares it; the instant for everyone does not.",
              "revoked", everyone=NOW, marks=(_mark(NOW, SID),)),
        _case("kept-by-another", "It is spared by another subject's mark, and not by its own.",
              "revoked", marks=(_mark(NOW), _mark(NOW, SID, "bob"))),
    ]  # fmt: skip


def _subjects() -> list[Case]:
    listed: list[tuple[str, str, Json, str]] = [
        ("int", "42 is the same subject as its decimal text.", 42, "42"),
        ("int-negative", "-1 likewise.", -1, "-1"),
        ("empty", "The empty text is a subject.", "", ""),
        ("utf-8", "Text is hashed as UTF-8.", "\u00e9\U0001f511", "\u00e9\U0001f511"),
        ("nul", "A subject may contain a zero byte.", "a\0b", "a\0b"),
    ]
    others: list[tuple[str, str, Json, str]] = [
        ("case", "Letters are compared as they are.", "Ada", "ada"),
        ("space", "So is white space.", "ada ", "ada"),
        ("leading-zero", "A text of digits is no number.", "042", "42"),
        ("composed", "Nothing is normalised.", "e\u0301", "\u00e9"),
    ]
    return [
        *(
            _case(f"subject-{slug}", comment, "revoked", sub=sub, rule="L1",
                  marks=(_mark(NOW, subject=text),))
            for slug, comment, sub, text in listed
        ),
        *(
            _case(f"subject-{slug}", comment, "ok", sub=sub, rule="L1",
                  marks=(_mark(NOW, subject=text),))
            for slug, comment, sub, text in others
        ),
    ]  # fmt: skip


def _operation(
    slug: str, comment: str, operation: str, given: dict[str, Json], result: Json, rule: str
) -> Case:
    expect = "ok" if result is not None else "store_error"
    return {
        "id": f"revocation/{slug}",
        "rule": rule,
        "comment": comment,
        "operation": operation,
        "given": given,
        "expect": expect,
        **({} if result is None else {"result": result}),
    }


def _operations() -> list[Case]:
    def subject(
        slug: str, comment: str, instant: int | None, mark: int | None, everyone: int | None
    ) -> Case:
        given: dict[str, Json] = {"mark": mark, "everyone": everyone, "now": NOW}
        return _operation(slug, comment, "revoke_subject", given, instant, "L2")

    def every(
        slug: str, comment: str, instant: int | None, everyone: int | None, highest: int | None
    ) -> Case:
        given: dict[str, Json] = {"everyone": everyone, "highest": highest, "now": NOW}
        return _operation(slug, comment, "revoke_all", given, instant, "L2")

    def before(slug: str, comment: str, instant: int, at: int, everyone: int | None) -> Case:
        given: dict[str, Json] = {"everyone": everyone, "before": at}
        return _operation(slug, comment, "revoke_before", given, instant, "L2")

    return [
        subject("mark-first", "Five seconds ahead.", NOW + 5, None, None),
        subject("mark-again", "One after the last.", NOW + 6, NOW + 5, None),
        subject("mark-old", "The last is long ago.", NOW + 5, NOW - 100, NOW - 100),
        subject("mark-after-everyone", "After the instant for everyone.", NOW + 12, None, NOW + 11),
        subject("mark-last", "As far ahead as all writers can date a session after it.", NOW + 9,
                NOW + 8, None),
        subject("mark-too-far", "One second further.", None, NOW + 9, None),
        subject("mark-much-too-far", "An hour ahead: a clock is wrong.", None, NOW + 3600,
                None),
        subject("mark-next-to-everyone", "Right after the instant for everyone it may be.",
                NOW + 31, NOW + 30, NOW + 30),
        subject("mark-beyond-everyone", "Further after it, not.", None, NOW + 31, NOW + 30),
        every("all-first", "Eleven seconds ahead.", NOW + 11, None, None),
        every("all-later", "The last is seconds ago.", NOW + 11, NOW + 10, None),
        every("all-again", "It is as far ahead already.", None, NOW + 11, None),
        every("all-after-last-mark", "One after the last, as a mark is there.", NOW + 31, NOW + 30,
              NOW + 30),
        every("all-beyond-marks", "It is after every mark already.", None, NOW + 31, NOW + 30),
        every("all-after-marks", "After the greatest mark of any subject.", NOW + 31, NOW + 11,
              NOW + 30),
        before("before-first", "One less, exactly.", NOW - 1, NOW, None),
        before("before-lower", "Never lowered.", NOW, NOW - 50, NOW),
        before("before-zero", "Nothing began before 1970.", -1, 0, None),
    ]  # fmt: skip


def _beginnings() -> list[Case]:
    def begin(
        slug: str, comment: str, start: int | None, mark: int | None, everyone: int | None
    ) -> Case:
        given: dict[str, Json] = {
            "mark": mark, "everyone": everyone, "now": NOW, "leeway": LEEWAY,
        }  # fmt: skip
        return _operation(slug, comment, "begin", given, start, "L3")

    return [
        begin("begin", "Nothing is listed: now.", NOW, None, None),
        begin("begin-past", "All is past: now.", NOW, NOW - 1, NOW - 2),
        begin("begin-after-mark", "After its subject's mark.", NOW + 6, NOW + 5, NOW - 1),
        begin("begin-after-all", "After the instant for everyone.", NOW + 12, NOW + 5, NOW + 11),
        begin("begin-latest", "As far ahead as readers accept from a clock 5 s ahead.", NOW + 55,
              NOW + 54, None),
        begin("begin-too-late", "One second further.", None, NOW + 55, None),
        begin("begin-much-too-late", "An hour ahead: a clock is wrong.", None, None,
              NOW + 3600),
    ]  # fmt: skip
