"""What a process of a history writes down."""

from __future__ import annotations

import json
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO


class Note:
    """A file of what one process did, a line each; a killed process loses at most the last."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)

    def write(self, what: str, began: float, **values: object) -> None:
        """Write that something took place, from `began` to now."""
        line = {"what": what, "began": began, "ended": monotonic(), **values}
        self._file.write(json.dumps(line) + "\n")
