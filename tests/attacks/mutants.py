"""Mutation testing: does any test notice when a line of the core is made wrong?

Usage: `python -m tests.attacks.mutants [MODULE ...] [--sample 0] [--seed 1]`

MODULE is claims, codec or keys; all three by default. Each mutant changes one thing (a comparison,
a constant, a condition, a statement) and the core's tests run against it in a child process until
one fails. Survivors are listed with their line; the exit code is 1 when fewer than 90 % are killed.
An interrupt ends it after the current mutant.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import signal
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
MODULES = ("claims", "codec", "keys")
SCORE = 90  # percent
PATIENCE = 900  # seconds; a mutant that loops is killed by that
# The quickest first: most mutants fall to the vectors.
TESTS = ["test_vectors.py", "test_claims.py", "test_keys.py", "test_codec.py", "test_keyfiles.py",
         "test_nesting.py", "test_policy.py", "attacks/test_sessions.py"]  # fmt: skip
_SLOW = "generating_again or every_expected_value or damaged_files or thousand or schema"

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.Add, ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:  # noqa: C901  # one line for each kind
    """Yield what a node can be replaced by, each with a word for it."""
    match node:
        case ast.Compare(ops=[operator, *_]):
            changed = copy.deepcopy(node)
            changed.ops[0] = _COMPARISONS[type(operator)]()
            yield type(changed.ops[0]).__name__, changed
        case ast.BoolOp(op=operator):
            yield (
                "and/or",
                ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), node.values),
            )
        case ast.UnaryOp(op=ast.Not()):
            yield "no not", node.operand
        case ast.Constant(value=bool(value)):
            yield str(not value), ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1), ast.Constant(value + 1)
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            changed_operator = _OPERATORS[type(operator)]()
            yield (
                type(changed_operator).__name__,
                ast.BinOp(node.left, changed_operator, node.right),
            )
        case ast.IfExp():
            yield "swapped", ast.IfExp(node.test, node.orelse, node.body)
        case ast.Return(value=ast.expr()):
            yield "return None", ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield "pass", ast.Pass()
        case ast.If():
            yield "if not", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def mutants(source: str) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield every mutant of a module: line, change and tree."""
    tree = ast.parse(source)
    for parent, field, index in list(_places(tree)):
        whole = getattr(parent, field)
        node = whole if index is None else whole[index]
        for word, changed in changes(node):
            ast.copy_location(changed, node)
            _put(parent, field, index, changed)
            mutant = ast.fix_missing_locations(copy.deepcopy(tree))
            _put(parent, field, index, node)
            yield node.lineno, f"{ast.unparse(node).splitlines()[0][:60]}  ->  {word}", mutant


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield where each node stands; annotations, but for the claims', and overloads are no code."""
    for field, value in ast.iter_fields(tree):
        if field in ("returns", "decorator_list") or (
            isinstance(tree, ast.arg) and field == "annotation"
        ):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_no_code(node):
                continue
            yield tree, field, index
            yield from _places(node)


def _is_no_code(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.FunctionDef):
        return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
    return isinstance(node, ast.Import | ast.ImportFrom)


class _Mutated(MetaPathFinder, Loader):
    """Gives one module of the package its mutant's code."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Answer for the one module."""
        return ModuleSpec(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant."""
        path = ROOT / "tokensession" / f"{self._name.split('.')[1]}.py"
        module.__file__ = str(path)
        exec(compile(self._tree, str(path), "exec"), vars(module))  # noqa: S102  # the mutant


def survives(name: str, tree: ast.Module) -> bool:
    """Run the tests against a mutant in a child; True when all of them pass."""
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        code = 1
        try:
            sys.meta_path.insert(0, _Mutated(f"tokensession.{name}", tree))
            chosen = [str(ROOT / "tests" / test) for test in TESTS]
            options = ["-x", "-q", "-p", "no:cacheprovider", "-k", f"not ({_SLOW})"]
            code = int(pytest.main([*chosen, *options]))
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    """Test mutants; 1 when too many survive."""
    parser = argparse.ArgumentParser(description="Mutation testing of the core.")
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument(
        "--sample", type=int, default=0, help="so many mutants at random; 0 for all"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made: list[tuple[str, int, str, Any]] = [
        (name, *mutant)
        for name in options.modules
        for mutant in mutants((ROOT / "tokensession" / f"{name}.py").read_text())
    ]
    total = len(made)
    if options.sample:
        made = random.Random(options.seed).sample(made, min(options.sample, total))  # noqa: S311
    _import_what_all_share()
    if not survives("claims", ast.parse((ROOT / "tokensession" / "claims.py").read_text())):
        sys.stdout.write("the tests fail without any mutant: nothing can be said\n")
        return 2
    alive = tried = 0
    interrupted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    for name, line, change, tree in made:
        if interrupted:
            break
        tried += 1
        if survives(name, tree):
            alive += 1
            sys.stdout.write(f"survives: {name}.py:{line}: {change}\n")
            sys.stdout.flush()
    score = 100 * (tried - alive) / max(tried, 1)
    sys.stdout.write(f"{tried - alive} of {tried} mutants killed ({score:.1f} %), {total} in all\n")
    return 0 if score >= SCORE else 1


def _import_what_all_share() -> None:
    """Load what no mutant changes and pytest does not rewrite, so that children need not."""
    import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401, PLC0415
    import jsonschema  # noqa: F401, PLC0415
    import jwt  # noqa: F401, PLC0415
    import msgspec  # noqa: F401, PLC0415


if __name__ == "__main__":
    sys.exit(main())
