"""Nothing revoked comes back: short histories of many processes, and the judge itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.trials.history.__main__ import MAX_STALENESS, Plan, judge, run_history
from tokensession.sessions.listing import listed_id

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("kind", "seed", "listed"),
    [("postgres", 1, True), ("valkey", 2, False), ("mongo", 3, True)],
)
def test_a_short_history(kind: str, seed: int, listed: bool) -> None:  # noqa: FBT001
    """No session is accepted later than the bound after its end, and none refused without one.

    With 8 writers and 8 readers that are killed, paused and late. With a directory its lists
    have each session that lives, and no other.
    """
    judgement, killed = run_history(Plan(kind, seed, 4.0, listed=listed))
    assert judgement.faults == [], f"{kind}, seed {seed}: {killed}"
    assert judgement.counts["begun"] > 0
    assert judgement.counts["accepted"] > 0
    assert (judgement.counts["listed"] > 0) == listed


def written(folder: Path, *lines: dict[str, Any]) -> list[str]:
    """Return the faults of a history of these lines."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "writer-0").write_text(text + '{"what": "cut of')
    return judge(folder).faults


BEGUN = {"what": "begun", "began": 10, "ended": 11, "sid": "aa", "subject": "s", "start": 500}


def ended(at: float, **values: object) -> list[dict[str, Any]]:
    """Return the two lines of something that ends sessions."""
    return [
        {"what": "intends", "began": at, "ended": at, **values},
        {"what": "ended", "began": at, "ended": at + 1, **values},
    ]


def checked(at: float, verdict: str) -> dict[str, Any]:
    """Return the line of a check."""
    return {"what": "checked", "began": at, "ended": at, "sid": "aa", "verdict": verdict}


@pytest.mark.parametrize(
    "end",
    [
        {"kind": "session", "sid": "aa"},
        {"kind": "subject", "subject": "s", "keep": None},
        {"kind": "subject", "subject": "s", "keep": "bb"},
        {"kind": "before", "before": 501},
    ],
)
def test_the_judge_sees_what_comes_back(tmp_path: Path, end: dict[str, Any]) -> None:
    """An acceptance after the bound is a fault, one within it is not; unknown never is."""
    late = 21 + MAX_STALENESS
    history = [BEGUN, *ended(20, **end), checked(late + 5, "unknown"), checked(22, "revoked")]
    assert written(tmp_path, *history, checked(late, "accepted")) == []
    assert len(written(tmp_path, *history, checked(late + 0.1, "accepted"))) == 1


@pytest.mark.parametrize(
    "end",
    [
        {"kind": "session", "sid": "bb"},
        {"kind": "subject", "subject": "t", "keep": None},
        {"kind": "subject", "subject": "s", "keep": "aa"},
        {"kind": "before", "before": 500},
    ],
)
def test_the_judge_sees_what_nobody_had_ended(tmp_path: Path, end: dict[str, Any]) -> None:
    """A refusal without any cause, or before its cause was begun, is a fault."""
    assert len(written(tmp_path, BEGUN, *ended(20, **end), checked(30, "revoked"))) == 1
    own = ended(40, kind="session", sid="aa")
    assert len(written(tmp_path, BEGUN, *own, checked(39, "revoked"))) == 1
    assert written(tmp_path, BEGUN, *own, checked(40, "revoked")) == []


def test_the_judge_tells_of_a_crash(tmp_path: Path) -> None:
    """A process that ends by itself is a fault, and not merely one less."""
    crash = {"what": "crashed", "began": 1, "ended": 2, "kind": "writer", "trace": "KeyError"}
    assert written(tmp_path, BEGUN, crash) == ["a writer crashed: KeyError"]


def listed(at: float, *sids: str, subject: str = "s") -> dict[str, Any]:
    """Return the line of a list."""
    ids = [listed_id(bytes.fromhex(sid)).hex() for sid in sids]
    return {"what": "listed", "began": at, "ended": at, "subject": subject, "ids": ids}


def test_the_judge_reads_lists(tmp_path: Path) -> None:
    """A session is missing, or there too long, twice, for another subject, or beyond the limit."""
    end = ended(20, kind="session", sid="aa")
    for good in (listed(12, "aa"), listed(10), listed(20), listed(20.5, "aa"), listed(22, "bb")):
        assert written(tmp_path, BEGUN, *end, good) == []
    for bad in (
        listed(12), listed(22, "aa"), listed(12, "aa", "aa"), listed(12, "aa", subject="t"),
        listed(12, "a1", "a2", "a3", "a4", subject="limited"),
    ):  # fmt: skip
        assert len(written(tmp_path, BEGUN, *end, bad)) == 1


def test_the_judge_knows_what_was_only_tried(tmp_path: Path) -> None:
    """A call that never returned may have been recorded or not."""
    tried = ended(20, kind="session", sid="aa")[0]
    for verdict in ("accepted", "revoked"):
        assert written(tmp_path, BEGUN, tried, checked(99, verdict)) == []
