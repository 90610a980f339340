"""Mutation testing for long enough to check the tool; and what it makes are mutants."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants import MODULES
from .mutating import changes, mutants, source_of

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its documentation says."""
    return subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "tests.trials.attacks.mutants", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


def test_the_tests_of_a_module_kill_its_mutants() -> None:
    """A sample of a small one, but for one in what stands for text of an impossible length."""
    done = run("format.base64url", "--tests", "format/test_base64url.py", "--sample", "12")
    survivors = [line for line in done.stdout.splitlines() if line.startswith("survives: ")]
    assert [line.rpartition(": b")[2] for line in survivors] == ["''  ->  b'x'"], done.stdout
    assert "11 of 12 mutants killed (91.7 %)" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_what_no_test_runs_survives_and_fails() -> None:
    """Tests of another module say nothing: the survivors are listed, and the exit code is 1."""
    done = run("format.nesting", "--tests", "format/test_seconds.py", "--sample", "2")
    assert done.stdout.count("survives: format.nesting.py:") == 2, done.stdout + done.stderr
    assert "0 of 2 mutants killed (0.0 %)" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("0 <= a < 9", ["0 < a < 9", "0 > a < 9", "0 <= a <= 9", "0 <= a >= 9"]),
        ("a is not b", ["a is b"]),
        ("a and b", ["a or b"]),
        ("not a", ["a"]),
        ("7", ["8"]),
        ("True", ["False"]),
        ("b'a'", ["b''"]),
        ("a + b", ["a - b"]),
        ("a if b else c", ["c if b else a"]),
        ("'text'", []),
    ],
)
def test_what_is_changed_in_an_expression(text: str, changed: list[str]) -> None:
    """Bounds and senses of every comparison, operators and values; no text."""
    node = ast.parse(text, mode="eval").body
    assert [ast.unparse(ast.fix_missing_locations(other)) for _, other in changes(node)] == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("raise a", ["pass"]),
        ("f()", ["pass"]),
        ("if a:\n    b", ["if not a:\n    b"]),
        ("if not a:\n    b", []),
        ("a += 1", ["a -= 1"]),
    ],
)
def test_what_is_changed_in_a_statement(text: str, changed: list[str]) -> None:
    """Statements that raise or call go; a branch turns round, unless its condition does."""
    (node,) = ast.parse(text).body
    assert [ast.unparse(ast.fix_missing_locations(other)) for _, other in changes(node)] == changed


@pytest.mark.parametrize("module", MODULES)
def test_each_mutant_is_another_program(module: str) -> None:
    """None is what the module was, and each of them compiles."""
    whole = compile(source_of(module).read_text(), str(source_of(module)), "exec")
    made = list(mutants(module))
    assert [mutant.number for mutant in made] == list(range(len(made)))
    for mutant in made[:: max(1, len(made) // 8)]:
        assert mutant.compiled() != whole, mutant
