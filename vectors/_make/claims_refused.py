"""Plaintexts that hold no claims."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import msgpack
from .claim_cases import FULL, PAD, REMEMBERED, bad, wrong
from .claims_model import (
    AGE_AT,
    CAP_AT,
    IAT,
    IAT_AT,
    MAX_UINT32,
    SID,
    SID_AT,
    SUB_AT,
    TTL_AT,
    Claims,
    with_state,
)
from .msgpack import NEVER_USED, Raw, Timestamp, sint, uint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def refused_claims() -> Iterator[Case]:
    """Give the cases that every reader refuses."""
    yield from _framing()
    yield from _truncations()
    yield from _wrong_fields()
    yield from _wrong_states()


def _framing() -> Iterator[Case]:
    whole = Claims().pack()
    yield bad("empty", "C1", "No bytes at all.", b"")
    for count in range(6):
        yield bad(
            f"elements-{count}",
            "C1",
            f"Only {count} elements; six are needed.",
            msgpack.array(Claims().elements()[:count]).data,
        )
    keyed = msgpack.mapping(list(enumerate(Claims().elements()))).data
    others: list[tuple[str, bytes]] = [
        ("map", keyed), ("nil", msgpack.NIL), ("int", b"\x06"), ("true", b"\xc3"),
        ("float", msgpack.pack(1.5)), ("str", msgpack.text(b"claims").data),
        ("bin", msgpack.binary(whole).data), ("ext", msgpack.ext(1, whole).data),
        ("array-of-it", msgpack.array([Raw(whole)]).data),
    ]  # fmt: skip
    for kind, plaintext in others:
        yield bad(f"not-the-array-{kind}", "C1", f"Not the array of claims but {kind}.", plaintext)
    yield bad("never-used-byte", "C1", "0xc1 alone, which is no msgpack.", NEVER_USED)
    for slug, tail in (
        ("zero", b"\x00"),
        ("nil", msgpack.NIL),
        ("0xc1", NEVER_USED),
        ("another-array", whole),
    ):
        yield bad(f"trailing-{slug}", "C1", "Something follows the array.", whole + tail)
    yield bad(
        "count-too-small",
        "C1",
        "The header counts six elements where seven stand.",
        REMEMBERED.pack(claimed=6),
    )
    yield bad(
        "count-too-great",
        "C1",
        "The header counts seven elements where six stand.",
        Claims().pack(claimed=7),
    )
    yield bad(
        "count-2-to-the-32",
        "C1",
        "An array32 of 2^32-1 elements in a few bytes.",
        Claims().pack(bits=32, claimed=MAX_UINT32),
    )


def _truncations() -> Iterator[Case]:
    padded = replace(FULL, state={"key": "value", "n": 1.5}).pack(then=[[1, 2]])
    state = padded.index(b"\x82\xa3key")
    cap = padded.index(uint(86400, 32).data)
    pad = cap + 5
    signers = pad + 2 + len(PAD)
    for slug, comment, length in (
        ("header-only", "Nothing after the array's header.", 1),
        ("in-sid", "Cut inside the sid.", 10),
        ("in-iat", "Cut inside the iat.", 21),
        ("before-state", "Cut before the state.", state),
        ("after-map-header", "Cut after the header of the state's map.", state + 1),
        ("in-state-key", "Cut inside a key of the state.", state + 3),
        ("after-state-key", "Cut between a key and its value.", state + 5),
        ("in-state-text", "Cut inside a text of the state.", state + 8),
        ("in-state-float", "Cut inside a float of the state.", state + 16),
        ("before-cap", "Cut before the cap.", cap),
        ("in-cap", "Cut inside the cap.", cap + 3),
        ("in-pad", "Cut inside the pad.", pad + 6),
        ("before-signers", "Cut before the signers.", signers),
        ("in-signers", "Cut inside the signers.", signers + 2),
        ("before-auth", "Cut before auth.", signers + 4),
        ("in-later-element", "Cut inside the element after auth.", len(padded) - 1),
    ):
        yield bad(f"cut-{slug}", "C1", comment, padded[:length])


def _wrong_fields() -> Iterator[Case]:
    moment = Timestamp(IAT)
    nil, array, map_ = ("nil", None), ("array", [1]), ("map", {"a": 1})
    true, false = ("true", True), ("false", False)
    stamp, number = ("timestamp", moment), ("int", 1)
    beyond, below, greatest = (
        ("2-to-the-53", 2**53),
        ("minus-2-to-the-53", -(2**53)),
        ("uint64-greatest", 2**64 - 1),
    )
    minus, zero, too_wide = ("minus-one", -1), ("zero", 0), ("2-to-the-32", 2**32)
    yield from wrong(
        "sid",
        "C2",
        SID_AT,
        [
            nil,
            true,
            number,
            ("str", msgpack.text(SID)),
            array,
            ("array-of-ints", list(SID)),
            ("ext", msgpack.ext(0, SID)),
            ("15-bytes", SID[:15]),
            ("17-bytes", SID + b"\x10"),
            ("empty", b""),
        ],
    )
    yield from wrong(
        "iat",
        "C3",
        IAT_AT,
        [
            nil,
            true,
            ("float64", float(IAT)),
            ("float32", msgpack.float32(float(IAT))),
            ("str", str(IAT)),
            ("bin", b"\x01"),
            array,
            stamp,
            minus,
            beyond,
            greatest,
            ("int64-smallest", sint(-(2**63), 64)),
        ],
    )
    yield from wrong(
        "ttl",
        "C4",
        TTL_AT,
        [
            nil,
            true,
            ("float64", 3600.0),
            ("str", "3600"),
            ("bin", b"\x01"),
            array,
            minus,
            zero,
            ("zero-as-uint64", uint(0, 64)),
            too_wide,
            greatest,
        ],
    )
    yield from wrong(
        "age",
        "C5",
        AGE_AT,
        [
            nil,
            false,
            ("float64", 0.0),
            ("str", "0"),
            ("bin", b"\x00"),
            array,
            minus,
            ("iat-and-one", IAT + 1),
            greatest,
        ],
    )
    yield from wrong(
        "sub",
        "C6",
        SUB_AT,
        [
            true,
            false,
            ("float64", 42.0),
            ("float32", msgpack.float32(42.0)),
            ("bin", b"42"),
            array,
            map_,
            stamp,
            beyond,
            below,
            greatest,
        ],
    )
    yield from wrong(
        "cap",
        "C8",
        CAP_AT,
        [
            true,
            false,
            ("float64", 86400.0),
            ("str", "86400"),
            ("bin", b"\x01"),
            array,
            stamp,
            zero,
            minus,
            too_wide,
            greatest,
        ],
        Claims(cap=86400),
    )


def _wrong_states() -> Iterator[Case]:
    for slug, comment, data in (
        ("0xc1", "0xc1 as the state.", NEVER_USED),
        ("0xc1-nested", "0xc1 deep in the state.", b"\x81\xa1a\x92\x01" + NEVER_USED),
        ("0xc1-as-key", "0xc1 where a key belongs.", b"\x81" + NEVER_USED + b"\x01"),
        ("short-array", "An array that counts more than stands there.", b"\x9f\x01"),
        ("short-map", "A map that counts more pairs than stand there.", b"\x82\xa1a\x01"),
        ("short-str", "A str longer than what is left.", b"\xd9\xff" + b"text"),
        ("short-ext", "An ext longer than what is left.", b"\xc7\x40\x05" + b"data"),
        ("short-timestamp", "A timestamp of 96 bits of which 64 stand there.",
         b"\xc7\x0c\xff" + b"\x00" * 8),
        ("array-2-to-the-32", "An array32 of 2^32-1 elements.",
         msgpack.array([1], 32, claimed=MAX_UINT32).data),
        ("map-2-to-the-32", "A map32 of 2^32-1 pairs.",
         msgpack.mapping([("a", 1)], 32, claimed=MAX_UINT32).data),
        ("str-2-to-the-32", "A str32 of 2^32-1 bytes.",
         msgpack.text(b"a", 32, claimed=MAX_UINT32).data),
        ("bin-2-to-the-32", "A bin32 of 2^32-1 bytes.",
         msgpack.binary(b"a", 32, claimed=MAX_UINT32).data),
        ("open-arrays", "2000 arrays opened and none filled.", b"\x91" * 2000),
    ):  # fmt: skip
        yield bad(f"state-{slug}", "C7", comment, with_state(Raw(data)))
    for slug, comment, moment in (
        ("year-10000", "The second after the year 9999.", 253402300800),
        ("year-0", "The second before the year 1.", -62135596801),
        ("greatest", "The last second of a 96-bit timestamp.", 2**63 - 1),
        ("smallest", "The first second of one.", -(2**63)),
    ):
        yield bad(
            f"state-timestamp-{slug}", "C7", comment, with_state(msgpack.array([Timestamp(moment)]))
        )
    never = Raw(NEVER_USED)
    yield bad(
        "pad-0xc1",
        "C9",
        "0xc1 as the pad, where anything else would be ignored.",
        REMEMBERED.pack(then=[never]),
    )
    yield bad(
        "later-element-0xc1",
        "C9",
        "0xc1 as an element that is otherwise ignored.",
        FULL.pack(then=[never]),
    )
