"""Python, Node and Go agree on random cases; and a disagreement would be told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tokensession.tools.vectors.files import load

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "interop" / "differential.py"
sys.path.insert(0, str(PROGRAM.parent))

from _fuzz.core import judge  # noqa: E402  # beside the program, which is no package
from differential import complaint  # noqa: E402

CLAIMS = load(ROOT / "vectors", "claims")["cases"]


def test_they_agree_on_random_cases() -> None:
    """A bounded run of `interop/differential.py`, in which every kind and code occurs."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, str(PROGRAM), "--cases", "3000", "--seed", "20"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    counts = dict(re.findall(r"^(\w+ \w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert sum(map(int, counts.values())) == 3000
    codes = "malformed unknown_key bad_signature unsupported_version decrypt_failed bad_claims"
    for code in f"{codes} not_yet_valid expired bad_state ok".split():
        assert int(counts[f"token {code}"]) > 3, code
    assert all(int(counts[f"{kind} ok"]) > 50 for kind in ("claims", "keys", "write"))


@pytest.mark.parametrize("case", CLAIMS, ids=[case["id"] for case in CLAIMS])
def test_the_independent_judge_knows_the_vectors(case: dict[str, str]) -> None:
    """It expects of every plaintext what its vector expects, and a choice where that leaves one."""
    expected = "either" if "acceptable" in case else case["expect"]
    assert judge(bytes.fromhex(case["plaintext"]))[0] == expected


CORE = {"kind": "claims", "plaintext": CLAIMS[0]["plaintext"]}
DEEP = next(case["plaintext"] for case in CLAIMS if case["id"] == "claims/state-33-levels")
OUTSIDE = {"kind": "claims", "plaintext": DEEP}
CUT = {"kind": "claims", "plaintext": CLAIMS[0]["plaintext"][:-2]}
KEYS = {"kind": "keys", "text": "{}"}
TOKEN = {"kind": "token", "plaintext": CUT["plaintext"]}


@pytest.mark.parametrize(
    ("question", "python", "node", "go", "told"),
    [
        (CORE, ("ok 1", "ok 2"), "ok 1", "ok 2", False),
        (CORE, ("ok 1", "ok 2"), "ok 3", "ok 2", True),
        (CORE, ("ok 1", "ok 2"), "ok 1", "ok 3", True),
        (CORE, ("ok 1", "ok 2"), "bad_claims", "ok 2", True),
        (CORE, ("bad_claims", "bad_claims"), "bad_claims", "bad_claims", True),
        (OUTSIDE, ("ok 1", "ok 2"), "bad_claims", "ok 3", False),
        (OUTSIDE, ("ok 1", "ok 2"), "ok 3", "TypeError: a crash", True),
        (OUTSIDE, ("bad_claims", "bad_claims"), "TypeError: a crash", "bad_claims", True),
        (OUTSIDE, ("ok 1", "ok 2"), "bad_claims", "expired", True),
        (CUT, ("ok 1", "ok 2"), "ok 1", "ok 2", True),
        (TOKEN, ("ok 1", "ok 2"), "ok 1", "ok 2", True),
        (TOKEN, ("expired", "expired"), "malformed", "expired", True),
        (
            TOKEN,
            ("unknown_key null", "unknown_key null"),
            "unknown_key null",
            "unknown_key revoked",
            True,
        ),
        (KEYS, ("config_error", "config_error"), "ok 1", "config_error", True),
        (KEYS, ("config_error", "config_error"), "config_error", "config_error", False),
        ({"kind": "write"}, ("ok a.b.c", "skip"), "ok a.b.c", "skip", False),
        ({"kind": "write"}, ("ok a.b.c", "skip"), "ok a.b.d", "skip", True),
    ],
)
def test_a_disagreement_is_told(
    question: dict[str, str], python: tuple[str, str], node: str, go: str, *, told: bool
) -> None:
    """In words and in values, and a word that all share but that is wrong."""
    assert (complaint(question, python, node, go) is not None) is told
