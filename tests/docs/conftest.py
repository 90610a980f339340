"""What the tests of the documents have in common."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Give a function that returns the module of a program, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # Bytecode of a program of the same size and second would pass for that of the next one.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(text: str) -> Any:
        file = tmp_path / "shop.py"
        file.write_text(text)
        spec = importlib.util.spec_from_file_location("shop", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "shop", module)  # where frameworks look names up
        spec.loader.exec_module(module)
        return module

    return load
