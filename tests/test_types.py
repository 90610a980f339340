"""What a type checker is told of the library is complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Django and Pyramid have no types of their own, so neither has what is derived from them. How
# SQLAlchemy types statements differs between its versions, so internal modules infer them.
UNTYPED = (
    "tokensession.adapters.django",
    "tokensession.adapters.pyramid",
    "tokensession.stores.sql.directory_",
    "tokensession.stores.sql.revocation_step",
    "tokensession.stores.sql.revocation_tables",
)


def completeness(folder: Path) -> dict[str, Any]:
    """Return what pyright says of the installed package."""
    tools = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S603  # our own command
        [tools / "pyright", "--verifytypes", "tokensession", "--ignoreexternal", "--outputjson"],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    return found


def test_every_public_symbol_has_a_known_type(tmp_path: Path) -> None:
    """`pyright --verifytypes` knows the type of each public symbol that needs no framework."""
    found = completeness(tmp_path)
    symbols = [symbol for symbol in found["symbols"] if symbol["isExported"]]
    unknown = {symbol["name"] for symbol in symbols if not symbol["isTypeKnown"]}
    assert {name for name in unknown if not name.startswith(UNTYPED)} == set()
    assert {"tokensession.SessionCodec.decode", "tokensession.tokens.codec.SessionCodec.decode"} & {
        symbol["name"] for symbol in symbols
    }
    assert len(found["modules"]) > 100
