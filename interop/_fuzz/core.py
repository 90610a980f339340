"""Whether a plaintext is one that all readers must take, must refuse, or may do either with.

A fourth opinion beside the three implementations, written from SPEC section 3 alone.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

MAX_INT = 2**53 - 1
MAX_SECONDS = 2**32 - 1
KID = re.compile(r"[A-Za-z0-9_-]{1,32}")
MUST_FOLLOW = 500  # levels in the pad and later elements
_NUMBERS = {0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
_NUMBERS |= {0xCA: "f", 0xCB: "d"}
_SIZED = {0xC4: "B", 0xC5: "H", 0xC6: "I", 0xD9: "B", 0xDA: "H", 0xDB: "I"}
_SIZED |= {0xC7: "B", 0xC8: "H", 0xC9: "I"}
_COUNTED = {0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}


class Malformed(Exception):  # noqa: N818  # the state of a plaintext
    """No msgpack."""


@dataclass
class Seen:
    """What was met in one element: the facts that decide."""

    depth: int = 0
    kinds: set[str] = field(default_factory=set)
    fine_grained: bool = False  # a timestamp with less than a millisecond
    far: bool = False  # a timestamp that lies in no year from 1 to 9999
    twice: bool = False  # a map with two equal keys, of which readers may skip the first value


@dataclass
class _Open:
    waiting: int
    is_map: bool
    names: set[str] = field(default_factory=set)


def judge(plaintext: bytes) -> tuple[str, bool]:
    """Return ``ok``, ``bad_claims`` or ``either``, and whether values can be compared."""
    try:
        return _judge(plaintext)
    except Malformed:
        return "bad_claims", False


def _judge(data: bytes) -> tuple[str, bool]:
    at, kind, count = _head(data, 0)
    if kind != "array":
        raise Malformed
    ranges = {1: (0, MAX_INT), 2: (1, MAX_SECONDS), 3: (0, MAX_INT), 6: (1, MAX_SECONDS)}
    ranges[9] = (0, MAX_INT)
    valid, either, fine = count >= 6, False, False
    numbers: dict[int, int] = {}
    for index in range(count):
        start = at
        at, seen = _element(data, at)
        fine |= index == 5 and seen.fine_grained
        first = _scalar(data, start)
        either |= "text" in seen.kinds
        if index == 0:
            valid &= isinstance(first, bytes) and len(first) == 16
        elif index == 4:
            valid &= first is None or isinstance(first, str) or _within(first, -MAX_INT, MAX_INT)
        elif index == 5:
            valid &= not seen.far or seen.twice
            either |= seen.far or bool(seen.kinds) or seen.depth > 32
        elif index in (6, 8, 9) and first is None:
            continue
        elif index == 8:
            valid &= _are_kids(data, start)
        elif (limits := ranges.get(index)) is not None:
            valid &= _within(first, *limits)
            numbers[index] = first if isinstance(first, int) else 0
        else:
            odd = bool(seen.kinds & {"timestamp", "odd key"}) or seen.far
            either |= odd or seen.depth > MUST_FOLLOW
    if at != len(data) or not valid or not numbers[1] >= numbers[3] >= numbers.get(9, 0):
        return "bad_claims", False
    return ("either", False) if either else ("ok", not fine)


def _are_kids(data: bytes, at: int) -> bool:
    """Tell whether the value that begins at `at`, which is well-formed, is a list of kids."""
    at, kind, count = _head(data, at)
    if kind != "array" or not 1 <= count <= 15:
        return False
    for _ in range(count):
        kid = _scalar(data, at)
        if not isinstance(kid, str) or not KID.fullmatch(kid):
            return False
        at, _, _ = _head(data, at)
    return True


def _within(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _element(data: bytes, at: int) -> tuple[int, Seen]:
    """Return the end of one value and what it holds. Without recursion: it may nest deeply."""
    seen, stack = Seen(), [_Open(1, is_map=False)]
    while stack:
        top = stack[-1]
        if not top.waiting:
            stack.pop()
            continue
        is_key = top.is_map and top.waiting % 2 == 0
        top.waiting -= 1
        start = at
        at, kind, count = _head(data, at)
        if not (is_key and kind == "ext"):
            _note(data, start, at, kind, seen)
        if is_key and kind != "str":
            seen.kinds.add("key")
        if is_key and kind in ("array", "map", "ext"):
            seen.kinds.add("odd key")
        if is_key and kind == "str":
            name = str(_scalar(data, start))
            seen.twice |= name in top.names
            top.names.add(name)
            if name == "__proto__":
                seen.kinds.add("proto")
        if kind in ("array", "map"):
            seen.depth = max(seen.depth, len(stack))
            stack.append(_Open(count * (2 if kind == "map" else 1), is_map=kind == "map"))
    return at, seen


def _note(data: bytes, start: int, end: int, kind: str, seen: Seen) -> None:
    value = _scalar(data, start)
    if kind == "float" and (data[start] == 0xCA or value != value):  # noqa: PLR0124
        seen.kinds.add("float")
    elif kind == "int" and not _within(value, -MAX_INT, MAX_INT):
        seen.kinds.add("int")
    elif kind == "str" and not _is_utf8(str(value)):
        seen.kinds.add("text")
    elif kind == "ext":
        _note_extension(data, start, end, seen)


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def _note_extension(data: bytes, start: int, end: int, seen: Seen) -> None:
    at = start + (1 + struct.calcsize(_SIZED[data[start]]) if data[start] in _SIZED else 1)
    content = data[at + 1 : end]
    if data[at] != 0xFF:
        seen.kinds.add("ext")
        return
    nanoseconds = 0
    if len(content) == 4:
        seconds = int.from_bytes(content, "big")
    elif len(content) == 8:
        both = int.from_bytes(content, "big")
        seconds, nanoseconds = both & (2**34 - 1), both >> 34
    elif len(content) == 12:
        nanoseconds, seconds = struct.unpack(">Iq", content)
    else:
        seen.kinds.add("timestamp")
        return
    if nanoseconds >= 10**9:
        seen.kinds.add("timestamp")
    else:
        seen.far |= not -62135596800 <= seconds <= 253402300799
    seen.fine_grained |= nanoseconds % 1_000_000 != 0


def _scalar(data: bytes, at: int) -> object:
    """Return the str, bin, number, bool or nil that begins at `at`; ... for anything else."""
    first = data[at]
    if first < 0x80 or first >= 0xE0:
        return first if first < 0x80 else first - 256
    if first in _NUMBERS:
        return struct.unpack_from(">" + _NUMBERS[first], data, at + 1)[0]
    end, kind, _ = _head(data, at)
    if kind == "str":
        return data[end - _size(data, at) : end].decode("utf-8", "surrogateescape")
    if kind == "bin":
        return data[end - _size(data, at) : end]
    return {0xC0: None, 0xC2: False, 0xC3: True}.get(first, ...)


def _size(data: bytes, at: int) -> int:
    first = data[at]
    if first not in _SIZED:
        return first & 0x1F
    return int(struct.unpack_from(">" + _SIZED[first], data, at + 1)[0])


def _head(data: bytes, at: int) -> tuple[int, str, int]:  # noqa: C901, PLR0912  # the table
    """Return where a value ends (its items not counted), its kind, and its number of items."""
    if at >= len(data):
        raise Malformed
    first = data[at]
    if first < 0x80 or first >= 0xE0:
        return at + 1, "int", 0
    if first < 0x90:
        return at + 1, "map", first & 0x0F
    if first < 0xA0:
        return at + 1, "array", first & 0x0F
    if first in (0xC0, 0xC2, 0xC3):
        return at + 1, "other", 0
    if first in _COUNTED:
        end = at + 1 + struct.calcsize(_COUNTED[first])
        if end > len(data):
            raise Malformed
        (count,) = struct.unpack_from(">" + _COUNTED[first], data, at + 1)
        return end, "array" if first < 0xDE else "map", count
    if first in _NUMBERS:
        end = at + 1 + struct.calcsize(_NUMBERS[first])
        kind = "float" if first in (0xCA, 0xCB) else "int"
    elif 0xD4 <= first <= 0xD8:
        end, kind = at + 2 + (1 << (first - 0xD4)), "ext"
    elif first in _SIZED:
        width = struct.calcsize(_SIZED[first])
        if at + 1 + width > len(data):
            raise Malformed
        extra = 1 if first in (0xC7, 0xC8, 0xC9) else 0
        end = at + 1 + width + extra + _size(data, at)
        kind = "ext" if extra else "str" if first >= 0xD9 else "bin"
    elif first < 0xC0:
        end, kind = at + 1 + (first & 0x1F), "str"
    else:
        raise Malformed  # 0xc1
    if end > len(data):
        raise Malformed
    return end, kind, 0
