"""Caching headers: Vary, and ``no-store`` for responses that set a session's cookie.

Rules: RFC 9110 and 9111 for Vary and Cache-Control, RFC 9213 for headers that address one cache.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensession.web.cookies import Headers

# The endings of the headers that caches obey. A cache with its own header ignores Cache-Control:
# "...-Cache-Control" by RFC 9213, or one of the older headers.
_FIELDS: Final = ("cache-control", "surrogate-control", "edge-control", "x-accel-expires")
_ENDINGS: Final = tuple(name.encode() for name in _FIELDS)
# Values have no comma, because some caches split at every comma.
_directive = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|\"[^\"\\]*\"))?"
).fullmatch
# A cache that understands the status ignores no-store beside must-understand (RFC 9111, section
# 5.2.2.3). The other two ask shared caches to store the response.
_DROPPED: Final = (b"public", b"s-maxage", b"must-understand", b"no-store")


def is_merged(name: str) -> bool:
    """Tell whether a session can change a response header of this name."""
    name = name.lower()
    return name == "vary" or name.endswith(_FIELDS)


def merged(lines: Iterable[tuple[str, str]]) -> Headers:
    """Return those headers of a response that a session can change."""
    return encoded((name, text) for name, text in lines if is_merged(name))


def encoded(lines: Iterable[tuple[str, str]]) -> Headers:
    """Return a framework's text headers as bytes (RFC 9110, section 5.5)."""
    return [(name.lower().encode(), text.encode("latin-1")) for name, text in lines]


def add_vary(headers: Headers, name: bytes) -> None:
    """Add a name to the response's Vary header; keep the other names and ``*``."""
    for key, _ in headers:
        if key.lower() == b"vary":
            break
    else:
        headers.append((b"vary", name))
        return
    lines = [index for index, (key, _) in enumerate(headers) if key.lower() == b"vary"]
    listed = {part.strip().lower() for index in lines for part in headers[index][1].split(b",")}
    if b"*" in listed or name.lower() in listed:
        return
    last = headers[lines[-1]][1]
    headers[lines[-1]] = (b"vary", last + b", " + name if last.strip() else name)


def forbid_storing(headers: Headers) -> None:
    """Set ``no-store`` in the response's Cache-Control, and remove what would override it."""
    kept: list[bytes] = []
    fields = [pair for pair in headers if pair[0].lower().endswith(_ENDINGS)]
    for name, value in fields:
        if name.lower() == b"cache-control":
            kept += (text for text, own in _directives(value) if own not in _DROPPED)
    if fields:
        headers[:] = [pair for pair in headers if pair not in fields]
    headers.append((b"cache-control", b", ".join([*kept, b"no-store"])))


def may_be_stored(method: str | None, headers: Headers | None) -> bool:
    """Tell whether a shared cache can store a response (RFC 9111, section 3).

    Args:
        method: The request's method, or None if unknown.
        headers: The response's headers, or None if unknown.
    """
    if method not in (None, "GET", "HEAD"):
        return False
    said: set[bytes] = set()
    for name, value in headers or ():
        if name.lower() == b"cache-control":
            directives = [text.lower() for text, _ in _directives(value)]
            # A malformed part can open a quoted string that contains the other parts.
            if len(directives) == len([part for part in value.split(b",") if part.strip()]):
                said.update(directives)
            if b"must-understand" in value.lower():
                return True
        elif name.lower().endswith(_ENDINGS):
            return True
    return not said & {b"no-store", b"private"}


def _directives(line: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the well-formed directives of a Cache-Control line, with names in lower case."""
    for part in line.split(b","):
        found = _directive(part.strip())
        if found is not None:
            yield found[0], found[1].lower()
