"""Plaintexts that hold claims, in every form that a reader takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import msgpack
from .claim_cases import FULL, PAD, REMEMBERED, ok
from .claims_model import (
    AGE_AT,
    CAP_AT,
    IAT,
    IAT_AT,
    MAX_SAFE,
    MAX_UINT32,
    SID,
    SID_AT,
    SUB_AT,
    TTL_AT,
    Claims,
    with_state,
)
from .msgpack import Timestamp, Value, sint, uint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def accepted_claims() -> Iterator[Case]:
    """Give the cases that every reader takes."""
    yield from _good_fields()
    yield from _good_forms()
    yield from _good_states()


def _good_fields() -> Iterator[Case]:
    yield ok("worked", "C1", "The claims of the worked value.", Claims())
    yield ok("iat-and-age-zero", "C3", "The smallest iat.", Claims(iat=0))
    yield ok("iat-greatest", "C3", "The greatest iat, 2^53-1.", Claims(iat=MAX_SAFE))
    yield ok("ttl-one", "C4", "The smallest ttl.", Claims(ttl=1))
    yield ok("ttl-greatest", "C4", "The greatest ttl, 2^32-1.", Claims(ttl=MAX_UINT32))
    yield ok("age-is-iat", "C5", "The greatest age: the session began at 0.", Claims(age=IAT))
    yield ok("sub-text", "C6", "A subject of text.", Claims(sub="zo\u00eb@example.org"))
    yield ok("sub-empty-text", "C6", "The empty text is a subject.", Claims(sub=""))
    yield ok("sub-greatest", "C6", "The greatest number as subject.", Claims(sub=MAX_SAFE))
    yield ok("sub-smallest", "C6", "The smallest number as subject.", Claims(sub=-MAX_SAFE))
    yield ok("cap-one", "C8", "The smallest cap.", Claims(cap=1))
    yield ok("cap-greatest", "C8", "The greatest cap, 2^32-1.", Claims(cap=MAX_UINT32))
    yield ok("cap-nil", "C8", "A cap of nil is no cap.", Claims(), Claims().pack(then=[None]))


def _good_forms() -> Iterator[Case]:
    numbered = Claims(age=7, ttl=120, sub=5, cap=9)
    at = {IAT_AT: numbered.iat, TTL_AT: 120, AGE_AT: 7, SUB_AT: 5, CAP_AT: 9}
    for write, family in ((uint, "uint64"), (sint, "int64")):
        forms = {index: write(number, 64) for index, number in at.items()}
        yield ok(
            f"integers-{family}",
            "C10",
            f"Every integer as {family}.",
            numbered,
            numbered.pack(forms),
        )
    small = {TTL_AT: uint(120, 8), AGE_AT: sint(7, 8), SUB_AT: sint(5, 16), CAP_AT: sint(9, 32)}
    yield ok(
        "integers-mixed",
        "C10",
        "uint8, int8, int16 and int32 of positive numbers.",
        numbered,
        numbered.pack(small),
    )
    wide = {TTL_AT: uint(120, 16), AGE_AT: uint(7, 32), SUB_AT: uint(5, 8), CAP_AT: uint(9, 16)}
    yield ok(
        "integers-wide",
        "C10",
        "uint16 and uint32 where fewer bits would do.",
        numbered,
        numbered.pack(wide),
    )
    ends = Claims(ttl=127, age=127, sub=-32)
    yield ok("integers-fixint", "C10", "The ends of the forms of one byte.", ends)
    for length, form in ((32, "str8"), (256, "str16")):
        content = Claims(sub="s" * length)
        yield ok(f"sub-{form}", "C6", f"A subject of {length} characters, a {form}.", content)
    yield ok("array16", "C1", "The array's header is array16.", Claims(), Claims().pack(bits=16))
    yield ok("array32", "C1", "The array's header is array32.", Claims(), Claims().pack(bits=32))
    yield ok(
        "sid-bin16",
        "C2",
        "The sid's header is bin16.",
        Claims(),
        Claims().pack({SID_AT: msgpack.binary(SID, 16)}),
    )
    yield ok(
        "sid-bin32",
        "C2",
        "The sid's header is bin32.",
        Claims(),
        Claims().pack({SID_AT: msgpack.binary(SID, 32)}),
    )
    named = Claims(sub="42")
    yield ok(
        "sub-str32",
        "C6",
        "The subject's header is str32.",
        named,
        named.pack({SUB_AT: msgpack.text(b"42", 32)}),
    )
    yield ok(
        "pad-zeros", "C9", "A pad after a cap of nil.", Claims(), Claims().pack(then=[None, PAD])
    )
    yield ok("pad-after-cap", "C9", "A pad after a cap.", REMEMBERED, REMEMBERED.pack(then=[PAD]))
    odd = msgpack.mapping([(1, msgpack.ext(5, b"ab")), (None, msgpack.nested(33))])
    yield ok(
        "pad-anything",
        "C9",
        "A pad may be anything: int and nil keys, ext type 5, 33 levels.",
        REMEMBERED,
        REMEMBERED.pack(then=[odd]),
    )
    for slug, comment, pad in (
        ("500-levels", "A pad of 500 arrays in one another.", msgpack.nested(500)),
        ("extensions", "Extensions of every length and form in a pad.",
         msgpack.array([*(msgpack.ext(5, b"x" * length) for length in (0, 1, 2, 4, 8, 16, 17)),
                        *(msgpack.ext(5, b"x", bits) for bits in (8, 16, 32))])),
        ("proto", "The key __proto__ in a pad.", msgpack.mapping([("__proto__", 1)])),
        ("key-scalars", "Keys of every scalar type in a pad.",
         msgpack.mapping([(1.5, 1), (b"a", 1), (True, 1), (2**64 - 1, msgpack.float32(1.5))])),
    ):  # fmt: skip
        yield ok(f"pad-{slug}", "C9", comment, REMEMBERED, REMEMBERED.pack(then=[pad]))
    yield ok(
        "later-elements",
        "C9",
        "Elements after index 9 are ignored, nested ones too.",
        FULL,
        FULL.pack(then=[{"a": [1, {"b": b"c"}]}, 2.5, odd]),
    )
    yield ok(
        "sixteen-elements",
        "C9",
        "So many later elements that the header is array16.",
        FULL,
        FULL.pack(then=[*range(6)]),
    )


def _good_states() -> Iterator[Case]:
    for slug, name, state in _whole_states():
        yield ok(f"state-{slug}", "C7", f"A state that is {name}.", Claims(state=state))
    moment, early = Timestamp(1785000000, 500_000_000), Timestamp(-1, 250_000_000)
    late, first = Timestamp(253402300799, 999_000_000), Timestamp(-62135596800)
    every: dict[str, Value] = {
        "array": [None, True, False, []],
        "bin": b"\x00\xff",
        "float": [1.5, -0.0, float("inf"), float("-inf"), 5e-324],
        "int": [0, -1, 127, 128, -32, -33, -129, -32769, -(2**31) - 1, MAX_SAFE, -MAX_SAFE],
        "map": {"": {"nested": {}}},
        "str": ["", "\x00", "\u00e9\u20ac\U0001f511"],
        "timestamp": [Timestamp(0), moment, early, first, late],
    }
    yield ok("state-every-type", "C7", "Every core type, in a writer's form.", Claims(state=every))
    lengths = msgpack.mapping(
        [
            ("a16", msgpack.array([1], 16)),
            ("a32", msgpack.array([2], 32)),
            ("b16", msgpack.binary(b"x", 16)),
            ("b32", msgpack.binary(b"y", 32)),
            (msgpack.text(b"s8", 8), msgpack.text(b"u", 8)),
            ("s16", msgpack.text(b"v", 16)),
            ("s32", msgpack.text(b"w", 32)),
            ("m16", msgpack.mapping([("k", 3)], 16)),
            ("m32", msgpack.mapping([("k", 4)], 32)),
        ],
        32,
    )
    same: Value = {
        "a16": [1],
        "a32": [2],
        "b16": b"x",
        "b32": b"y",
        "s8": "u",
        "s16": "v",
        "s32": "w",
        "m16": {"k": 3},
        "m32": {"k": 4},
    }
    yield ok(
        "state-long-headers",
        "C7",
        "Every header of a length longer than it need be.",
        Claims(state=same),
        with_state(lengths),
    )
    numbers = [
        uint(7, 8),
        uint(7, 16),
        uint(7, 32),
        uint(7, 64),
        sint(7, 8),
        sint(-7, 16),
        sint(-7, 32),
        sint(7, 64),
        sint(-7, 64),
    ]
    yield ok(
        "state-integers",
        "C10",
        "Every integer form longer than it need be.",
        Claims(state=[7, 7, 7, 7, 7, -7, -7, 7, -7]),
        with_state(msgpack.array(numbers)),
    )
    ends: list[Value] = []
    written: list[Value] = []
    for bits in (8, 16, 32, 64):
        unsigned = min(2**bits - 1, MAX_SAFE)
        signed = min(2 ** (bits - 1) - 1, MAX_SAFE)
        smallest = max(-(2 ** (bits - 1)), -MAX_SAFE)
        ends += [unsigned, signed, smallest]
        written += [uint(unsigned, bits), sint(signed, bits), sint(smallest, bits)]
    yield ok(
        "state-integers-ends",
        "C10",
        "The ends of every integer form, as far as they are in range.",
        Claims(state=ends),
        with_state(msgpack.array(written)),
    )
    far = Timestamp(2**34 - 1, 999_000_000)
    forms = [
        msgpack.timestamp(moment, 64, 8),
        msgpack.timestamp(moment, 96, 16),
        msgpack.timestamp(Timestamp(9), 32, 32),
        msgpack.timestamp(Timestamp(9), 64),
        msgpack.timestamp(far, 64),
        msgpack.timestamp(far, 96),
    ]
    yield ok(
        "state-timestamps",
        "C7",
        "Timestamps in longer forms and under other ext headers.",
        Claims(state=[moment, moment, Timestamp(9), Timestamp(9), far, far]),
        with_state(msgpack.array(forms)),
    )
    deep: Value = []
    leaf: Value = [1]
    for _ in range(31):
        deep, leaf = [deep], [leaf]
    maps: Value = {}
    for _ in range(31):
        maps = {"": maps}
    yield ok("state-32-maps", "C7", "32 maps in one another, under empty keys.", Claims(state=maps))
    yield ok("state-32-levels", "C7", "32 arrays in one another.", Claims(state=deep))
    yield ok(
        "state-32-levels-leaf",
        "C7",
        "A scalar in the 32nd array: only arrays and maps are levels.",
        Claims(state=leaf),
    )
    yield ok(
        "keys-repeated",
        "C11",
        "The last of two equal keys wins, at any depth.",
        Claims(state={"a": 2, "b": {"c": "new"}}),
        with_state(
            msgpack.mapping(
                [("a", 1), ("b", msgpack.mapping([("c", "old"), ("c", "new")])), ("a", 2)]
            )
        ),
    )


def _whole_states() -> list[tuple[str, str, Value]]:
    return [
        ("nil", "nil", None),
        ("text", "a text", "hello"),
        ("array", "an array", [1, "two"]),
        ("empty-map", "an empty map", {}),
    ]
