"""Runs the cases of revocation.json: decisions, single operations, and calls on a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import StoreError
from tokensession.revocation import decision
from tokensession.tools.vectors.tagged import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.tools.vectors.files import Case


def run_revocation(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    """Decide about a session, or apply an operation to a list."""
    if "operation" in case:
        try:
            result = _OPERATIONS[case["operation"]](case["given"])
        except StoreError:
            return "store_error", None
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
    return decision.next_mark(former, _instant(given["everyone"]), None, given["now"], 1).instant


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
