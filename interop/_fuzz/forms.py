"""Random msgpack: every form of every type, by preference at its edges, and what is broken."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_EDGES = [0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53]
_EDGES += [2**63 - 1, 2**63, 2**64 - 1]
_FLOATS = [0.0, -0.0, 1.0, 1.5, -2.75, 1e300, 5e-324, 2.0**53, float("inf"), float("-inf")]
_TEXTS = [
    "",
    "a",
    "user_id",
    "zoë",
    "🔑",
    "__proto__",
    "constructor",
    "7",
    "x" * 40,
    "é" * 130,
    "\0",
]
_BAD_TEXTS = [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\x80", b"\xc3"]
_SECONDS = [0, 1, 2**32 - 1, 2**32, 2**34 - 1, 2**34, 1785000000, -1, 253402300799, -62135596800]
_ODD_SECONDS = [253402300800, 2**63 - 1, -(2**63), -62135596801, 8640000000001]


def integer(rng: Random, number: int) -> bytes:
    """Return an integer in any form that holds it."""
    forms = []
    if -32 <= number <= 127:
        forms.append(struct.pack(">b", number))
    for first, code, least, most in (
        (0xCC, "B", 0, 2**8), (0xCD, "H", 0, 2**16), (0xCE, "I", 0, 2**32), (0xCF, "Q", 0, 2**64),
        (0xD0, "b", -(2**7), 2**7), (0xD1, "h", -(2**15), 2**15), (0xD2, "i", -(2**31), 2**31),
        (0xD3, "q", -(2**63), 2**63),
    ):  # fmt: skip
        if least <= number < most:
            forms.append(struct.pack(f">B{code}", first, number))
    return forms[0] if rng.random() < 0.5 else rng.choice(forms)


def some_integer(rng: Random) -> int:
    """Return an integer at or near an edge, of either sign."""
    number = rng.choice(_EDGES) + rng.choice((0, 0, -1, 1))
    return min(max(number if rng.random() < 0.7 else -number, -(2**63)), 2**64 - 1)


def sized(rng: Random, content: bytes, firsts: tuple[int, ...], fix: int | None = None) -> bytes:
    """Return str or bin content under a header of any width that holds its length."""
    size = len(content)
    heads = [bytes((fix | size,))] if fix is not None and size < 32 else []
    for first, code, most in zip(firsts, "BHI", (2**8, 2**16, 2**32), strict=True):
        if size < most:
            heads.append(struct.pack(f">B{code}", first, size))
    return (heads[0] if rng.random() < 0.7 else rng.choice(heads)) + content


def text(rng: Random, *, odd: float = 0.02) -> bytes:
    """Return a str, now and then one that is no UTF-8."""
    content = rng.choice(_BAD_TEXTS) if rng.random() < odd else rng.choice(_TEXTS).encode()
    return sized(rng, content, (0xD9, 0xDA, 0xDB), 0xA0)


def binary(rng: Random, content: bytes) -> bytes:
    """Return a bin."""
    return sized(rng, content, (0xC4, 0xC5, 0xC6))


def counted(rng: Random, count: int, fix: int, first: int) -> bytes:
    """Return the header of an array or map in any width."""
    heads = [bytes((fix | count,))] if count < 16 else []
    heads += [struct.pack(">BH", first, count), struct.pack(">BI", first + 1, count)]
    return heads[0] if rng.random() < 0.8 else rng.choice(heads)


def timestamp(rng: Random) -> bytes:
    """Return a timestamp, mostly one that is core."""
    odd = rng.random() < 0.1
    seconds = rng.choice(_ODD_SECONDS if odd else _SECONDS)
    nanoseconds = rng.choice((0, 1_000_000, 500_000_000, 999_000_000))
    if odd and rng.random() < 0.5:
        nanoseconds = rng.choice((10**9, 2**32 - 1))
    contents = [struct.pack(">Iq", nanoseconds, seconds)]
    if 0 <= seconds < 2**34 and nanoseconds < 2**30:
        contents.append(struct.pack(">Q", nanoseconds << 34 | seconds))
    if 0 <= seconds < 2**32 and not nanoseconds:
        contents.append(struct.pack(">I", seconds))
    return extension(rng, -1, rng.choice(contents))


def extension(rng: Random, kind: int, content: bytes) -> bytes:
    """Return an ext under any header that fits."""
    heads = [struct.pack(">BB", 0xC7, len(content)), struct.pack(">BH", 0xC8, len(content))]
    if len(content) in (1, 2, 4, 8, 16):
        heads.insert(0, bytes((0xD4 + len(content).bit_length() - 1,)))
    return rng.choice(heads) + struct.pack(">b", kind) + content


def value(rng: Random, depth: int = 1) -> bytes:  # noqa: PLR0911  # one line for each type
    """Return any value; a few of them outside the core of a state."""
    pick = rng.random()
    if pick < 0.22 and depth < 4:
        count = rng.choice((0, 1, 2, 3)) if rng.random() < 0.97 else 17
        pairs = [key(rng, depth) + value(rng, depth + 1) for _ in range(count)]
        return counted(rng, count, 0x80, 0xDE) + b"".join(pairs)
    if pick < 0.38 and depth < 4:
        count = rng.choice((0, 1, 2, 4)) if rng.random() < 0.97 else 17
        items = [value(rng, depth + 1) for _ in range(count)]
        return counted(rng, count, 0x90, 0xDC) + b"".join(items)
    if pick < 0.39:
        levels = rng.choice(
            (26, 30, 31, 32, 33, 60, 490, 510, 520, 3000) if depth < 3 else (28, 29, 30)
        )
        return b"\x91" * (levels - 1) + b"\x90"
    if pick < 0.58:
        return integer(rng, some_integer(rng))
    if pick < 0.72:
        return text(rng)
    if pick < 0.78:
        return binary(rng, rng.randbytes(rng.choice((0, 1, 16, 31, 200))))
    if pick < 0.86:
        return struct.pack(">Bd", 0xCB, rng.choice([*_FLOATS, rng.uniform(-9, 9)]))
    if pick < 0.9:
        return timestamp(rng)
    if pick < 0.98:
        return rng.choice((b"\xc0", b"\xc2", b"\xc3"))
    odd = (b"\xca\x3f\xc0\x00\x00", b"\xcb\x7f\xf8" + bytes(6), extension(rng, 5, b"ab"), b"\xc1")
    return rng.choice(odd)


def key(rng: Random, depth: int) -> bytes:
    """Return the key of a map, mostly a str."""
    return text(rng) if rng.random() < 0.97 else value(rng, depth + 1)


def broken(rng: Random, data: bytes) -> bytes:
    """Return data with a few bytes changed, cut, repeated or inserted."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 16)))
        some = rng.choice(
            (rng.randbytes(end - at), bytes((rng.choice(_FIRSTS),)), b"", data[at:end] * 2)
        )
        data = data[:at] + some + data[end:]
    return data


_FIRSTS = [0x80, 0x81, 0x90, 0x9F, 0xA1, *range(0xC0, 0xE0), 0xE0, 0xFF]
