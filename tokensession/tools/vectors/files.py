"""The vector files: their names, and the words that their cases can expect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import TokenError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = "tokensession/v1"
CODES: Final = frozenset(error.code for error in TokenError.__subclasses__())
# The words that each file's cases can expect: closed lists.
WORDS: Final = {
    "derivation": {"ok", "config_error"},
    "claims": {"ok", "bad_claims"},
    "states": {"ok"},
    "keys": {"ok", "config_error"},
    "tokens": {"ok"} | CODES,
    "lifetimes": {"ok", "config_error", "expired"},
    "cookies": {"ok", "none"} | CODES,
    "heritage": {"ok", "expired"},
    "revocation": {"ok", "revoked", "store_error"},
    "overflow": {"ok", "bad_state"},
    "writing": {"ok", "state_error"},
}

Case = dict[str, Any]


class VectorError(Exception):
    """The vector files are missing, damaged, or of another format version."""


def load(folder: Path, name: str) -> dict[str, Any]:
    """Return a vector file, after checking its frame."""
    try:
        content: dict[str, Any] = json.loads((folder / f"{name}.json").read_bytes())
        cases = content["cases"]
        words = {word for case in cases for word in (case["expect"], *case.get("acceptable", ()))}
        if content["format"] != FORMAT or content["name"] != name:
            raise VectorError(f"{name}.json: not the file {name!r} of format {FORMAT}")
        if content["count"] != len(cases) or len({case["id"] for case in cases}) != len(cases):
            raise VectorError(f"{name}.json: count is not the number of different cases")
    except FileNotFoundError as error:
        raise VectorError(
            f"{name}.json is not in {folder}: name the folder of the files"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VectorError(f"{name}.json: {type(error).__name__}: {error}") from error
    if not words <= WORDS[name]:
        raise VectorError(f"{name}.json: unknown words {sorted(words - WORDS[name])}")
    return content
