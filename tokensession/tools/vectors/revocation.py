"""Run the cases of revocation.json: decisions, single operations, and calls on a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import Revoked, StoreError
from tokensession.revocation import decision
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tools.vectors.tagged import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.tools.vectors.files import Case


def run_revocation(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    """Decide about a session, apply an operation to a list, or make calls on a store."""
    if "calls" in case:
        return _run_calls(case)
    if "operation" in case:
        result = _OPERATIONS[case["operation"]](case["given"])
        return "ok", compare("result", result, case.get("result"))
    session, entries = case["session"], case["entries"]
    key = decision.subject_key(session["sub"])
    marks = {bytes.fromhex(mark["subject"]): mark for mark in entries["marks"]}
    mark = _NO_MARK if key is None else marks.get(key, _NO_MARK)
    revoked = decision.is_revoked(
        bytes.fromhex(session["sid"]),
        session["start"],
        denied=session["sid"] in entries["denied"],
        everyone=_instant(entries["everyone"]),
        mark=_instant(mark["instant"]),
        kept=None if mark["kept"] is None else bytes.fromhex(mark["kept"]),
    )
    return "revoked" if revoked else "ok", None


_NO_MARK: Final[Case] = {"instant": None, "kept": None}


def _instant(value: int | None) -> int:
    return decision.NEVER if value is None else value


def _next_mark(given: Case) -> int:
    mark = given["mark"]
    former = None if mark is None else decision.Mark(mark, None, 0, 1)
    new = decision.next_mark(former, _instant(given["everyone"]), None, given["now"], 1)
    decision.check_moved(_instant(mark), new, given["now"])
    return new.instant


def _begin(given: Case) -> int:
    entries = decision.Entries(everyone=_instant(given["everyone"]), mark=_instant(given["mark"]))
    return decision.first_start(entries, now=given["now"], leeway=given["leeway"])


_OPERATIONS: Final[dict[str, Callable[[Case], int]]] = {
    "revoke_subject": _next_mark,
    "revoke_all": lambda given: decision.next_everyone(
        _instant(given["everyone"]), _instant(given["highest"]), given["now"]
    ),
    "revoke_before": lambda given: decision.everyone_before(
        _instant(given["everyone"]), given["before"]
    ),
    "begin": _begin,
}


def _run_calls(case: Case) -> tuple[str, str | None]:
    """Make the calls on a new store, then check the sessions."""
    store, now = MemoryStore(), case["now"]
    *first, last = [_call(store, call, now) for call in case["calls"]]
    if set(first) - {"ok"}:
        return last, f"calls: {first} are not all ok"
    words = [_fate(store, session) for session in case["after"]]
    return last, compare("after", words, [session["word"] for session in case["after"]])


def _call(store: MemoryStore, call: Case, now: int) -> str:
    try:
        _CALLS[call["call"]](store, call, now)
    except Revoked as error:
        return error.code
    except StoreError:
        return "store_error"
    return "ok"


def _deny(store: MemoryStore, call: Case, now: int) -> None:
    found = call["successor"]
    successor = None
    if found is not None:
        sid = bytes.fromhex(found["sid"])
        successor = decision.Successor(sid, decision.subject_key(found["sub"]))
    store.deny(_denial(call)._replace(successor=successor), now=now)


def _replace(store: MemoryStore, call: Case, now: int) -> None:
    store.replace(_denial(call), bytes.fromhex(call["new"]), now=now)


def _mark(store: MemoryStore, call: Case, now: int) -> None:
    subject, found = decision.subject_key(call["sub"]), call["keep"]
    assert subject is not None
    keep = None if found is None else decision.Keep(bytes.fromhex(found["sid"]), found["start"])
    store.mark(subject, keep, now=now, life=_LIFE)


_CALLS: Final[dict[str, Callable[[MemoryStore, Case, int], object]]] = {
    "deny": _deny,
    "replace": _replace,
    "revoke_subject": _mark,
    "revoke_before": lambda store, call, _: store.revoke_before(call["before"]),
}
_LIFE: Final = 86_400  # seconds; no entry of a case ends while the case runs


def _denial(call: Case) -> decision.Denial:
    sid, start = bytes.fromhex(call["sid"]), call["start"]
    return decision.Denial(sid, decision.subject_key(call["sub"]), start, start + _LIFE)


def _fate(store: MemoryStore, session: Case) -> str:
    sid = bytes.fromhex(session["sid"])
    found = store.look_up(sid, decision.subject_key(session["sub"]))
    return "revoked" if decision.is_revoked(sid, session["start"], **found._asdict()) else "ok"
