"""How long a fresh process takes to import the package, and to import what it depends on."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

from _measure.rounds import Spread, spread

DEPENDENCIES: Final = frozenset({"cryptography", "jwt", "msgspec"})
_BARE: Final = "pass"
_OWN: Final = "import tokensession"


class Starts:
    """Seconds that fresh processes took, in rounds of one each.

    Args:
        rounds: How many processes of each kind are started.
    """

    def __init__(self, rounds: int) -> None:
        dependencies = "\n".join(dependency_imports())
        codes = [_BARE, dependencies, _OWN]
        self._seconds: dict[str, list[float]] = {code: [] for code in codes}
        self._dependencies = dependencies
        for code in codes:
            _started(code)  # so that all byte code is cached
        for _ in range(rounds):
            random.shuffle(codes)
            for code in codes:
                self._seconds[code].append(_started(code))

    def ratio(self) -> Spread:
        """Return the whole process with the package against that with its dependencies."""
        pairs = zip(self._seconds[_OWN], self._seconds[self._dependencies], strict=True)
        return spread([own / theirs for own, theirs in pairs])

    def net_ratio(self) -> Spread:
        """Return the same less what an interpreter takes that imports nothing."""
        bare = spread(self._seconds[_BARE]).middle
        pairs = zip(self._seconds[_OWN], self._seconds[self._dependencies], strict=True)
        return spread([(own - bare) / (theirs - bare) for own, theirs in pairs])

    def milliseconds(self) -> tuple[float, float, float]:
        """Return the medians: a bare interpreter, the dependencies, the package."""
        codes = (_BARE, self._dependencies, _OWN)
        bare, dependencies, own = (1000 * spread(self._seconds[code]).middle for code in codes)
        return bare, dependencies, own


def dependency_imports() -> list[str]:
    """Return the import statements of other packages that ``import tokensession`` executes."""
    found: set[str] = set()
    names = [name for name in sys.modules if name.split(".")[0] == "tokensession"]
    for name in names:
        source = sys.modules[name].__file__
        if source is not None:
            found.update(_imports(Path(source)))
    return sorted(found)


def _imports(source: Path) -> list[str]:
    """Return the statements at the top of a module that import from the dependencies."""
    statements = []
    for node in ast.parse(source.read_text()).body:
        match node:
            case ast.Import(names=[ast.alias(name=module)]) | ast.ImportFrom(module=str(module)):
                if module.split(".")[0] in DEPENDENCIES:
                    statements.append(ast.unparse(node))
    return statements


def _started(code: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)  # noqa: S603  # our own code
    return perf_counter() - start
