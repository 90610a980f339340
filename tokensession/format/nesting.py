"""Measure how deeply msgpack is nested, before a recursive decoder reads it."""

from __future__ import annotations

from typing import Final

# A decoder recurses once per level. 512 levels fit several times into a thread stack of 512 kB;
# 3000 levels do not fit on every interpreter.
SAFE_NESTING: Final = 512

# All except fixmap and fixarray (80 to 9f), array 16 and 32, map 16 and 32 (dc to df).
_NOT_OPENING = bytes({*range(256)} - {*range(0x80, 0xA0)} - {*range(0xDC, 0xE0)})


def nests_too_deep(data: bytes) -> bool:
    """Tell whether decoding `data` could exhaust the stack (only a broken writer does this).

    Most claims are shorter than the safe depth, or have fewer bytes that could open a container.
    """
    if len(data) <= SAFE_NESTING or len(data.translate(None, _NOT_OPENING)) <= SAFE_NESTING:
        return False
    return _depth_exceeds(data, SAFE_NESTING)


_FIXMAP, _FIXARRAY, _FIXSTR = 0x8, 0x9, 0b101  # the high four or three bits of the first byte
# Bytes after the first: fixed, or given by a length of so many bytes (plus one for an ext's type).
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_SIZED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _depth_exceeds(data: bytes, limit: int) -> bool:
    """Tell, without recursion, whether `data` opens more than `limit` containers in each other."""
    waiting: list[int] = []  # how many items each open container still waits for
    at = 0
    while at < len(data):
        skip, items = _head(data, at)
        at += skip
        if waiting:
            waiting[-1] -= 1
        if items:
            waiting.append(items)
            if len(waiting) > limit:
                return True
        while waiting and not waiting[-1]:
            waiting.pop()
    return False


def _head(data: bytes, at: int) -> tuple[int, int]:
    """Return the size of the value's head at `at`, and the number of items that follow it."""
    first = data[at]
    if first in _COUNTED:
        width, factor = _COUNTED[first]
        return 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big") * factor
    if first in _SIZED:
        width, extra = _SIZED[first]
        return 1 + width + extra + int.from_bytes(data[at + 1 : at + 1 + width], "big"), 0
    family = first >> 4
    if family == _FIXARRAY:
        return 1, first & 0x0F
    if family == _FIXMAP:
        return 1, (first & 0x0F) * 2
    if first >> 5 == _FIXSTR:
        return 1 + (first & 0x1F), 0
    return 1 + _FIXED.get(first, 0), 0
