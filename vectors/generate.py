# ruff: noqa: INP001 - a program beside the files that it writes, not a package
"""Writes the vector files, or with --check tells whether they are what this program writes.

Usage: `python vectors/generate.py [--check]`
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from _make.claims import claims
from _make.cookies import cookies
from _make.derivation import derivation
from _make.heritage import heritage
from _make.keys import keys
from _make.lifetimes import lifetimes
from _make.overflow import overflow
from _make.published import published
from _make.revocation import revocation
from _make.schemas import schemas
from _make.states import states
from _make.tokens import tokens
from _make.writing import writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from _make.msgpack import Json

FOLDER = Path(__file__).resolve().parent
MAKERS: list[Callable[[], dict[str, Json]]] = [
    derivation,
    claims,
    keys,
    states,
    tokens,
    lifetimes,
    cookies,
    heritage,
    revocation,
    overflow,
    writing,
]


def files() -> dict[str, str]:
    """Give the text of every file that is generated, by its path below this folder."""
    contents = [make() for make in MAKERS]
    _refuse_repeated_ids(contents)
    texts = {f"{content['name']}.json": _text(content) for content in contents}
    for name, schema in schemas().items():
        texts[f"schema/{name}.schema.json"] = _text(schema)
    lists = published(contents, FOLDER.parent)
    return texts | {f"../{path}": text for path, text in lists.items()}


def _refuse_repeated_ids(contents: list[dict[str, Json]]) -> None:
    seen: set[Json] = set()
    for content in contents:
        cases = content["cases"]
        assert isinstance(cases, list)
        for case in cases:
            if case["id"] in seen:
                raise ValueError(f"an id is used twice: {case['id']}")
            seen.add(case["id"])


def _text(content: dict[str, Json]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def differing(texts: dict[str, str]) -> list[str]:
    """Name the files that are missing, or that hold something else."""
    return [
        name
        for name, text in texts.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_bytes() != text.encode()
    ]


def main() -> int:
    """Write or check; 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description="Write the vector files.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare instead")
    check = parser.parse_args().check
    texts = files()
    if check:
        names = differing(texts)
        for name in names:
            sys.stderr.write(f"vectors/{name} is not what generate.py writes\n")
        return 1 if names else 0
    for name, text in texts.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
