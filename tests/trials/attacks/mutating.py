"""Mutants: copies of a module in which one thing is wrong, and how one is put into a process.

Changed are comparisons (their bound and their sense), `and`, `or` and `not`, integers, booleans and
bytes, arithmetic, branches, returned values, and statements that raise or call. Not changed are
texts and annotations, except the claims' annotations, which are code.
"""

from __future__ import annotations

import ast
import copy
import sys
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

(_PLACE,) = find_spec("tokensession").submodule_search_locations  # type: ignore[union-attr, misc]
PACKAGE = Path(_PLACE)  # what is tested, be it a checkout's or installed

_BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_SENSES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.Add, ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One wrong copy of a module.

    Attributes:
        module: Its name within the package, such as ``overflow.reference``.
        number: Which of the module's mutants it is.
        lines: First and last line of what was changed.
        change: What was there, and what is there now.
        path: The function whose body was changed, from the outermost class down; empty where it
            was something that runs when the module is imported.
        first_line: Where that function begins, decorators included.
    """

    module: str
    number: int
    lines: tuple[int, int]
    change: str
    path: tuple[str, ...]
    first_line: int

    def compiled(self) -> CodeType:
        """Return the code of the whole module."""
        tree = ast.parse(source_of(self.module).read_text())
        for number, (place, _, changed) in enumerate(_all_changes(tree)):
            if number == self.number:
                place.put(changed)
                break
        ast.fix_missing_locations(tree)
        return compile(tree, str(source_of(self.module)), "exec")

    def __str__(self) -> str:
        """Give what a reader needs to find it."""
        return f"{self.module}.py:{self.lines[0]}: {self.change}"


def source_of(module: str) -> Path:
    """Return the file of a module of the package."""
    return PACKAGE / f"{module.replace('.', '/')}.py"


def unchanged(module: str) -> Mutant:
    """Return what is no mutant: a copy in which nothing is wrong, and which has to survive."""
    return Mutant(module, -1, (1, 1), "nothing", (), 0)


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its source."""
    tree = ast.parse(source_of(module).read_text())
    for number, (place, word, _) in enumerate(_all_changes(tree)):
        node = place.get()
        was = ast.unparse(node).splitlines()[0][:70]
        first = 0
        if place.function is not None:
            decorated = [above.lineno for above in place.function.decorator_list]
            first = min([place.function.lineno, *decorated])
        yield Mutant(module, number, _lines(node), f"{was}  ->  {word}", place.path, first)


def _all_changes(tree: ast.Module) -> Iterator[tuple[_Place, str, ast.AST]]:
    """Yield each change of a module: where, a word for it, and what is put there."""
    for place in list(_places(tree, (), None)):
        node = place.get()
        for word, changed in changes(node):
            yield place, word, ast.copy_location(changed, node)


def changes(node: Any) -> Iterator[tuple[str, Any]]:  # noqa: C901, PLR0912  # one case for each kind
    """Yield what a node can be replaced by, each with a word for it."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for table in (_BOUNDS, _SENSES):
                    if type(operator) in table:
                        changed = copy.deepcopy(node)
                        changed.ops[index] = table[type(operator)]()
                        yield ast.unparse(changed)[:70], changed
        case ast.BoolOp(op=operator):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield type(other).__name__.lower(), ast.BoolOp(other, node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield "without not", node.operand
        case ast.Constant(value=bool(value)):
            yield str(not value), ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1), ast.Constant(value + 1)
        case ast.Constant(value=bytes(value)):
            yield ("b''" if value else "b'x'"), ast.Constant(b"" if value else b"x")
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            other_way = ast.BinOp(node.left, _OPERATORS[type(operator)](), node.right)
            yield ast.unparse(other_way)[:70], other_way
        case ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
            by_other = ast.AugAssign(node.target, _OPERATORS[type(operator)](), node.value)
            yield ast.unparse(by_other)[:70], by_other
        case ast.IfExp():
            yield "swapped", ast.IfExp(node.test, node.orelse, node.body)
        case ast.Return(value=ast.Constant(value=bool() | None)):
            return  # there is the constant to change, and nothing
        case ast.Return(value=ast.expr()):
            yield "return None", ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield "pass", ast.Pass()
        case ast.If(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield "if not", ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)


@dataclass
class _Place:
    """Where a node stands."""

    parent: ast.AST
    field: str
    index: int | None
    path: tuple[str, ...]
    function: ast.FunctionDef | None

    def get(self) -> Any:
        whole = getattr(self.parent, self.field)
        return whole if self.index is None else whole[self.index]

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _places(
    tree: ast.AST, path: tuple[str, ...], function: ast.FunctionDef | None
) -> Iterator[_Place]:
    """Yield the place of each node that is code."""
    if function is None and isinstance(tree, ast.ClassDef | ast.FunctionDef):
        path = (*path, tree.name)
    for field, value in ast.iter_fields(tree):
        if _is_for_readers(tree, field):
            continue
        inside, where = function, path
        if function is None and isinstance(tree, ast.FunctionDef):
            inside = tree if field == "body" else None
        if inside is None:
            where = ()
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not _is_no_code(node):
                yield _Place(tree, field, index, where, inside)
                yield from _places(node, path, inside)


def _is_for_readers(tree: ast.AST, field: str) -> bool:
    """Tell annotations and decorators; a Struct's annotations are code to msgspec."""
    if field in ("returns", "decorator_list"):
        return True
    return field == "annotation" and not getattr(tree, "is_a_claim", False)


def _is_no_code(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.FunctionDef():
            return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
        case ast.ClassDef():
            bases = [ast.unparse(base) for base in node.bases]
            if "msgspec.Struct" in bases:
                for item in node.body:
                    item.is_a_claim = True  # type: ignore[attr-defined]
            return any(base.startswith("Protocol") for base in bases)
    return False


def _lines(node: Any) -> tuple[int, int]:
    """Return the lines that run where a node does: of a branch, those of its condition."""
    last: Any = node.test if isinstance(node, ast.If) else node
    return int(node.lineno), int(last.end_lineno)


def put_into_process(mutant: Mutant) -> bool:
    """Give the one function its wrong body, in a process that has imported everything.

    Returns:
        False where that cannot be done.
    """
    code, function = _code_of(mutant), _function_of(mutant)
    if code is None or function is None:
        return False
    try:
        function.__code__ = code
    except ValueError:  # another number of variables from around it
        return False
    return True


def _code_of(mutant: Mutant) -> CodeType | None:
    code = mutant.compiled()
    for part in mutant.path:
        found = [item for item in code.co_consts if isinstance(item, CodeType)]
        found = [item for item in found if item.co_name == part]
        if part == mutant.path[-1]:
            found = [item for item in found if item.co_firstlineno == mutant.first_line]
        if len(found) != 1:
            return None
        (code,) = found
    return code if mutant.path else None


def _function_of(mutant: Mutant) -> FunctionType | None:
    found: Any = sys.modules[f"tokensession.{mutant.module}"]
    for part in mutant.path:
        found = vars(found)[part]
    while found is not None and not isinstance(found, FunctionType):
        match found:
            case staticmethod() | classmethod():
                found = found.__func__
            case property():
                found = found.fget
            case _:
                found = getattr(found, "__wrapped__", None)
    return found


class ImportedInstead(MetaPathFinder, Loader):
    """Gives a process that imports the module its mutant's code."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"tokensession.{mutant.module}"

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Answer for the one module."""
        return ModuleSpec(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant."""
        path = str(source_of(self._mutant.module))
        module.__file__ = path
        exec(self._mutant.compiled(), vars(module))  # noqa: S102  # the mutant
