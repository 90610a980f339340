"""Plaintexts that a reader may take or refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import msgpack
from .claim_cases import FULL, REMEMBERED, bad, either
from .claims_model import (
    IAT,
    SUB_AT,
    Claims,
    with_state,
)
from .msgpack import Timestamp, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def outside_the_core() -> Iterator[Case]:
    """Give the cases of C12."""
    for levels in (33, 200, 2000, 5800):
        yield either(
            f"state-{levels}-levels", f"{levels} arrays in one another.", msgpack.nested(levels)
        )
    yield either("state-33-levels-leaf", "A scalar in 33 arrays.", msgpack.nested(33, leaf=b"\x01"))
    yield either(
        "state-1900-levels-of-maps", "1900 maps in one another.", msgpack.nested(1900, maps=True)
    )
    values: list[tuple[str, str, Value]] = [
        ("float32", "A float in four bytes; a core float has eight.", msgpack.float32(1.5)),
        ("nan", "Not a number, which no writer makes.", float("nan")),
        ("2-to-the-53", "An int one above the range.", 2**53),
        ("minus-2-to-the-53", "An int one below the range.", -(2**53)),
        ("uint64-greatest", "The greatest uint64.", 2**64 - 1),
        ("int64-smallest", "The smallest int64.", -(2**63)),
        ("ext-5", "An extension of another type.", msgpack.ext(5, b"a")),
        ("ext-5-long", "An extension of another type and 20 bytes.", msgpack.ext(5, b"a" * 20)),
        ("timestamp-nanoseconds", "10^9 nanoseconds in a timestamp.", Timestamp(IAT, 10**9)),
        ("timestamp-5-bytes", "An ext -1 of a length that no timestamp has.",
         msgpack.ext(msgpack.TIMESTAMP_TYPE, b"\x00" * 5)),
    ]  # fmt: skip
    for slug, comment, value in values:
        yield either(f"state-{slug}", comment, msgpack.mapping([("a", value)]))
    keys: list[tuple[str, str, Value]] = [
        ("int", "A key that is an int.", 1),
        ("nil", "A key that is nil.", None),
        ("bin", "A key that is a bin.", b"a"),
        ("float", "A key that is a float.", 1.5),
        ("array", "A key that is an array.", [1]),
        ("map", "A key that is a map.", {}),
        ("proto", "A key that JavaScript gives a meaning of its own.", "__proto__"),
    ]
    for slug, comment, key in keys:
        yield either(f"state-key-{slug}", comment, msgpack.mapping([(key, 1)]))
    yield either(
        "state-key-proto-nested",
        "The same key further in.",
        msgpack.mapping([("a", {"__proto__": {"admin": True}})]),
    )
    none = msgpack.ext(msgpack.TIMESTAMP_TYPE, b"\x00" * 5)
    ignored: list[tuple[str, str, Value]] = [
        ("key-map", "A map as key in the pad.", msgpack.mapping([({}, 1)])),
        ("key-array", "An array as key in the pad.", msgpack.mapping([([1], 1)])),
        ("key-ext", "An ext as key in the pad.", msgpack.mapping([(msgpack.ext(5, b"a"), 1)])),
        ("timestamp-5-bytes", "A pad of ext -1 that is no timestamp.", none),
        ("timestamp-year-10000", "A pad beyond the year 9999.", Timestamp(253402300800)),
        ("501-levels", "A pad of 501 arrays in one another.", msgpack.nested(501)),
        ("2000-levels", "A pad of 2000 arrays in one another.", msgpack.nested(2000)),
    ]
    for slug, comment, pad in ignored:
        yield either(f"pad-{slug}", comment, plaintext=REMEMBERED.pack(then=[pad]))
    broken = msgpack.text(b"\xff\xfe")
    surrogate, long_slash = msgpack.text(b"\xed\xa0\x80"), msgpack.text(b"\xc0\xaf")
    texts: list[tuple[str, str, bytes]] = [
        ("state-utf8", "Bad UTF-8 in a text of the state.", with_state(msgpack.array([broken]))),
        ("state-utf8-surrogate", "A surrogate written as UTF-8.", with_state(surrogate)),
        ("state-utf8-overlong", "A slash written in two bytes.", with_state(long_slash)),
        ("state-key-utf8", "Bad UTF-8 in a key.", with_state(msgpack.mapping([(broken, 1)]))),
        ("sub-utf8", "Bad UTF-8 in the subject.", Claims().pack({SUB_AT: broken})),
        ("pad-utf8", "Bad UTF-8 in the pad.", REMEMBERED.pack(then=[broken])),
        ("later-element-utf8", "Bad UTF-8 after auth.", FULL.pack(then=[broken])),
    ]
    for slug, comment, plaintext in texts:
        yield bad(slug, "C12", comment, plaintext, "ok")
