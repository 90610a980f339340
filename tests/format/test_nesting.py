"""Decoding never exhausts a stack."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensession.format.nesting import _NOT_OPENING, SAFE_NESTING, _depth_exceeds, nests_too_deep

OPENINGS = {
    "fixarray": b"\x91",
    "array 16": b"\xdc\x00\x01",
    "array 32": b"\xdd\x00\x00\x00\x01",
    "fixmap": b"\x81\xa1a",
    "map 16": b"\xde\x00\x01\xa1a",
    "map 32": b"\xdf\x00\x00\x00\x01\xa1a",
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
@pytest.mark.parametrize(
    "before",
    [b"", b"\x00", b"\xc0", b"\xa3abc", b"\xd9\x01x", b"\xc4\x02\x91\x91", b"\xcb" + bytes(8),
     b"\xc7\x01\x05\x91", b"\xd8" + bytes(17), b"\xda\x00\x01\x91", b"\x90", b"\x80"],
)  # fmt: skip
def test_depth_is_exact_at_the_limit(opening: bytes, before: bytes) -> None:
    """The greatest depth passes and one level more does not, beside any other value."""
    innermost = b"\x92" + before + b"\xc0"  # one level: an array of two
    assert not nests_too_deep(opening * (SAFE_NESTING - 1) + innermost)
    assert nests_too_deep(opening * SAFE_NESTING + innermost)


# One value of each form of msgpack, whose content would open arrays if it were read as values.
_SIZES = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
          0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17, 0xC0: 0, 0xC2: 0, 0xC3: 0, 0x00: 0, 0x7F: 0,
          0xE0: 0, 0xFF: 0, **{0xA0 + length: length for length in range(32)}}  # fmt: skip
_WHOLE = [bytes((first,)) + b"\x91" * size for first, size in _SIZES.items()]
_WHOLE += [
    bytes((first,)) + length.to_bytes(width, "big") + b"\x91" * (extra + length)
    for first, width, extra in (
        (0xC4, 1, 0), (0xC5, 2, 0), (0xC6, 4, 0), (0xC7, 1, 1), (0xC8, 2, 1), (0xC9, 4, 1),
        (0xD9, 1, 0), (0xDA, 2, 0), (0xDB, 4, 0),
    )
    for length in (0, 1, 200)
]  # fmt: skip
_WHOLE += [
    head + b"\xc0" * items
    for head, items in (
        (b"\x90", 0), (b"\x92", 2), (b"\x9f", 15), (b"\x80", 0), (b"\x82", 4), (b"\x8f", 30),
        (b"\xdc\x01\x01", 257), (b"\xdd\x00\x00\x01\x01", 257),
        (b"\xde\x00\x03", 6), (b"\xdf\x00\x00\x00\x03", 6),
    )
]  # fmt: skip


@pytest.mark.parametrize("value", _WHOLE, ids=lambda value: value[:5].hex())
def test_each_form_is_passed_over_exactly(value: bytes) -> None:
    """What stands after a value is neither taken for a part of it, nor the other way round."""
    data = b"\x92" + value + b"\x91" * 3 + b"\xc0"
    assert not _depth_exceeds(data, 4)
    assert _depth_exceeds(data, 3)


@pytest.mark.parametrize("first", [*range(0x80, 0xA0), *range(0xDC, 0xE0)])
def test_whatever_can_open_is_counted(first: int) -> None:
    """Enough bytes that begin an array or a map are looked at closely, of each kind alike."""
    assert bytes((first,)) not in _NOT_OPENING
    assert len(_NOT_OPENING) == 256 - 32 - 4


def test_few_enough_bytes_that_open_are_not_looked_at() -> None:
    """Neither data no longer than the levels that are safe, nor with no more that could open."""
    assert not nests_too_deep(b"\x91" * SAFE_NESTING)
    assert nests_too_deep(b"\x91" * (SAFE_NESTING + 1))
    assert not nests_too_deep(b"\x91" * SAFE_NESTING + b"\xc0" * 100)


def test_many_small_containers_are_not_deep() -> None:
    """Width is no depth."""
    wide = msgspec.msgpack.encode([[], {}] * 1500)
    assert not nests_too_deep(wide)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0) if value else 0
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0) if value else 0
    return 0


@given(
    st.recursive(
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary() | st.just("é" * 40)
        | st.datetimes().map(lambda moment: moment.astimezone()),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("k") | st.just("x" * 300), inner),
    )
)  # fmt: skip
def test_the_walk_measures_what_msgpack_says(value: Any) -> None:
    """The depth of any value is told exactly (empty containers open nothing)."""
    packed = msgspec.msgpack.encode(value)
    depth = _depth(value)
    assert not _depth_exceeds(packed, depth)
    assert depth == 0 or _depth_exceeds(packed, depth - 1)


@given(st.binary(max_size=2000))
def test_any_bytes_end_in_an_answer(data: bytes) -> None:
    """Truncated or odd msgpack is no reason to fail here: the decoder will refuse it."""
    nests_too_deep(b"\x91" * 600 + data)
    _depth_exceeds(data, 3)


def test_deep_claims_on_a_small_thread_stack() -> None:
    """A token whose state nests 6000 levels is refused on a stack of 512 kB, without a crash."""
    program = """
import threading
from tokensession.format.state_format import TypedState, UntypedState
from tokensession.errors import BadClaims
threading.stack_size(512 * 1024)
def read():
    for opening in (b"\\x91", b"\\x81\\xa1a"):
        for levels in (500, 900, 3000, 6000):
            claims = b"\\x96\\xc4\\x10" + bytes(16) + b"\\x05\\x01\\x00\\xc0"
            for state in (UntypedState(), TypedState(list | dict)):
                try:
                    state.read(claims + opening * levels + b"\\xc0")
                except BadClaims:
                    print("refused")
                else:
                    print("read")
thread = threading.Thread(target=read)
thread.start()
thread.join()
"""
    done = subprocess.run(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == (["read"] * 2 + ["refused"] * 6) * 2
