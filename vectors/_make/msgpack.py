"""A msgpack writer that can be told which form to use, so that odd and broken bytes can be made.

`pack` writes the shortest form of a value, as a writer of tokens does. The functions below it
write one named form each and give `Raw`, which `pack` passes through as it stands.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Value: TypeAlias = (
    "bool | int | float | str | bytes | Raw | Timestamp | Sequence[Value]"
    " | Mapping[str, Value] | None"
)

NIL = b"\xc0"
NEVER_USED = b"\xc1"
"""The one byte that msgpack assigns to nothing."""

TIMESTAMP_TYPE = -1

_INT_FORMS = {
    8: (b"\xcc", b"\xd0"),
    16: (b"\xcd", b"\xd1"),
    32: (b"\xce", b"\xd2"),
    64: (b"\xcf", b"\xd3"),
}
_TEXT_FORMS = {8: b"\xd9", 16: b"\xda", 32: b"\xdb"}
_BINARY_FORMS = {8: b"\xc4", 16: b"\xc5", 32: b"\xc6"}
_ARRAY_FORMS = {16: b"\xdc", 32: b"\xdd"}
_MAP_FORMS = {16: b"\xde", 32: b"\xdf"}
_EXT_FORMS = {8: b"\xc7", 16: b"\xc8", 32: b"\xc9"}
_FIXEXT_FORMS = {1: b"\xd4", 2: b"\xd5", 4: b"\xd6", 8: b"\xd7", 16: b"\xd8"}


@dataclass(frozen=True)
class Raw:
    """Bytes that are written as they stand, whether or not they are msgpack."""

    data: bytes


@dataclass(frozen=True)
class Timestamp:
    """A moment: Unix seconds and the nanoseconds after them."""

    seconds: int
    nanoseconds: int = 0


def pack(value: Value) -> bytes:  # noqa: PLR0911 - one per type
    """Give the shortest msgpack form of a value."""
    match value:
        case Raw(data):
            return data
        case None:
            return NIL
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _shortest_int(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            return text(value.encode()).data
        case bytes():
            return binary(value).data
        case Timestamp():
            return _shortest_timestamp(value)
        case Mapping():
            return mapping(list(value.items())).data
        case _:
            return array(value).data


def uint(number: int, bits: int) -> Raw:
    """Write an integer in the unsigned form of that many bits."""
    return Raw(_INT_FORMS[bits][0] + number.to_bytes(bits // 8, "big"))


def sint(number: int, bits: int) -> Raw:
    """Write an integer in the signed form of that many bits."""
    return Raw(_INT_FORMS[bits][1] + number.to_bytes(bits // 8, "big", signed=True))


def float32(number: float) -> Raw:
    """Write a float in four bytes."""
    return Raw(b"\xca" + struct.pack(">f", number))


def text(data: bytes, bits: int = 0, *, claimed: int | None = None) -> Raw:
    """Write a str; `bits` picks its length's form (0: the shortest), `claimed` a false length."""
    return Raw(_head(_TEXT_FORMS, (0xA0, 31), bits, _length(data, claimed)) + data)


def binary(data: bytes, bits: int = 0, *, claimed: int | None = None) -> Raw:
    """Write a bin; `bits` picks its length's form (0: the shortest), `claimed` a false length."""
    return Raw(_head(_BINARY_FORMS, None, bits, _length(data, claimed)) + data)


def array(items: Sequence[Value], bits: int = 0, *, claimed: int | None = None) -> Raw:
    """Write an array; `bits` picks its count's form (0: the shortest), `claimed` a false count."""
    head = _head(_ARRAY_FORMS, (0x90, 15), bits, _length(items, claimed))
    return Raw(head + b"".join(pack(item) for item in items))


def mapping(
    pairs: Sequence[tuple[Value, Value]], bits: int = 0, *, claimed: int | None = None
) -> Raw:
    """Write a map of pairs, whose keys may be anything and may repeat."""
    head = _head(_MAP_FORMS, (0x80, 15), bits, _length(pairs, claimed))
    return Raw(head + b"".join(pack(key) + pack(value) for key, value in pairs))


def ext(kind: int, data: bytes, bits: int = 0) -> Raw:
    """Write an extension; 0 bits takes fixext where the length allows it."""
    tail = struct.pack(">b", kind) + data
    if bits == 0 and len(data) in _FIXEXT_FORMS:
        return Raw(_FIXEXT_FORMS[len(data)] + tail)
    return Raw(_head(_EXT_FORMS, None, bits, len(data)) + tail)


def timestamp(moment: Timestamp, bits: int, header_bits: int = 0) -> Raw:
    """Write a timestamp in its form of 32, 64 or 96 bits, under an ext header of choice."""
    seconds, nanoseconds = moment.seconds, moment.nanoseconds
    data = {
        32: lambda: struct.pack(">I", seconds),
        64: lambda: struct.pack(">Q", nanoseconds << 34 | seconds),
        96: lambda: struct.pack(">Iq", nanoseconds, seconds),
    }[bits]()
    return ext(TIMESTAMP_TYPE, data, header_bits)


def nested(levels: int, *, maps: bool = False, leaf: bytes = b"") -> Raw:
    """Write arrays (or maps under the key "a") in one another; the innermost is empty or a leaf."""
    opening, empty = (b"\x81\xa1a", b"\x80") if maps else (b"\x91", b"\x90")
    return Raw(opening * levels + leaf if leaf else opening * (levels - 1) + empty)


def tagged(value: Value) -> Json:
    """Give the tagged JSON of a value, as the vector files write decoded values."""
    match value:
        case float():
            return {"$float": repr(value)}
        case bytes():
            return {"$bin": value.hex()}
        case Timestamp():
            return {"$timestamp": [value.seconds, value.nanoseconds]}
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {key: tagged(item) for key, item in value.items()}
        case Raw():
            raise TypeError("raw bytes have no value")
        case _:
            return [tagged(item) for item in value]


def _length(data: Sequence[object], claimed: int | None) -> int:
    return len(data) if claimed is None else claimed


def _head(forms: Mapping[int, bytes], fix: tuple[int, int] | None, bits: int, length: int) -> bytes:
    if bits == 0 and fix and length <= fix[1]:
        return bytes([fix[0] | length])
    bits = bits or next(width for width in forms if length < 1 << width)
    return forms[bits] + length.to_bytes(bits // 8, "big")


def _shortest_int(number: int) -> bytes:
    if -32 <= number <= 127:  # noqa: PLR2004 - the range of fixint
        return struct.pack(">b", number)
    if number >= 0:
        return uint(number, next(bits for bits in _INT_FORMS if number < 1 << bits)).data
    return sint(number, next(bits for bits in _INT_FORMS if number >= -(1 << bits - 1))).data


def _shortest_timestamp(moment: Timestamp) -> bytes:
    if 0 <= moment.seconds < 1 << 32 and not moment.nanoseconds:
        return timestamp(moment, 32).data
    if 0 <= moment.seconds < 1 << 34:
        return timestamp(moment, 64).data
    return timestamp(moment, 96).data
