"""A quick start of docs/frameworks, as it stands but for a revocation list."""

import os
import re
from pathlib import Path

from tokensession.stores.memory.revocation import MemoryStore

_FOLDER = Path(__file__).parents[4] / "docs" / "frameworks"
_PAGE = (_FOLDER / f"{os.environ['PAGE']}.md").read_text()
_KEYS = 'KeyRing.follow("session-keys.json")'
_PROGRAM = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)[0]
assert _PROGRAM.count(_KEYS) == 1

_NAMES = {**globals(), "store": MemoryStore()}
exec(_PROGRAM.replace(_KEYS, f"{_KEYS}, revocation=store"), _NAMES)  # noqa: S102 - our own text
app = _NAMES["app"]
