"""The secrets that the vectors publish, as digests in the lists of the three languages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .msgpack import Json

PYTHON = "tokensession/keys/known_secrets.py"
OTHERS = {
    "interop/node/src/published.js": '  "{}",\n',
    "interop/go/published.go": '\t"{}": true,\n',
}
SIZES = (32, 64)
DISTINCT = 12
LINE = r'[ \t]*"[0-9a-f]{64}"(?:: true)?,\n'


def published(contents: Iterable[dict[str, Json]], top: Path) -> dict[str, str]:
    """Give the text of each list, by its path below `top`; named sources stay as they are."""
    secrets = {secret for content in contents for secret in _secrets(content)}
    found = {hashlib.sha256(secret).hexdigest() for secret in secrets}
    text = (top / PYTHON).read_text()
    named = re.findall(r'"([0-9a-f]{64})": "', text)
    listed = sorted(found - set(named))
    first, *_, last = re.finditer(r'    "[0-9a-f]{64}": _VECTORS,\n', text)
    lines = "".join(f'    "{digest}": _VECTORS,\n' for digest in listed)
    texts = {PYTHON: text[: first.start()] + lines + text[last.end() :]}
    for path, line in OTHERS.items():
        text = (top / path).read_text()
        first, *_, last = re.finditer(LINE, text)
        lines = "".join(line.format(digest) for digest in (*named, *listed))
        texts[path] = text[: first.start()] + lines + text[last.end() :]
    return texts


def _secrets(value: Json) -> Iterator[bytes]:
    if isinstance(value, list):
        for item in value:
            yield from _secrets(item)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        yield from _secrets(item)
        if not isinstance(item, str):
            continue
        if name in ("k", "d"):
            yield from _decoded(item)
        elif name == "secret":
            yield from _fitting(bytes.fromhex(item))
        elif name == "text":
            for member in re.findall(r'"[kd]": ?"([A-Za-z0-9_-]+)"', item):
                yield from _decoded(member)


def _decoded(text: str) -> Iterator[bytes]:
    try:
        yield from _fitting(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return


def _fitting(secret: bytes) -> Iterator[bytes]:
    # Others are refused in any case.
    if SIZES[0] <= len(secret) <= SIZES[1] and len(set(secret)) >= DISTINCT:
        yield secret
