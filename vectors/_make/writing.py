"""writing.json: states that a writer refuses, and the bytes of those it takes."""

from __future__ import annotations

from .claims_model import MAX_SAFE
from .msgpack import Json, Timestamp, Value, pack, tagged
from .vectorfile import Case, vector_file


def writing() -> dict[str, Json]:
    """Give the content of writing.json."""
    cases = [*_written(), *_refused()]
    comment = (
        "Application states as a writer is given them. path names the value that is refused, or"
        " the map one of whose keys is."
    )
    return vector_file("writing", comment, cases)


def _ok(slug: str, comment: str, state: Value) -> Case:
    return {
        "id": f"writing/{slug}",
        "rule": "W2",
        "comment": comment,
        "state": tagged(state),
        "expect": "ok",
        "msgpack": pack(state).hex(),
    }


def _bad(slug: str, comment: str, path: str, state: Json) -> Case:
    return {
        "id": f"writing/{slug}",
        "rule": "W1",
        "comment": comment,
        "state": state,
        "expect": "state_error",
        "path": path,
    }


def _written() -> list[Case]:
    edges = (127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, MAX_SAFE)
    below = (-32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -MAX_SAFE)
    lengths: Value = [
        "a" * 31,
        "a" * 32,
        "a" * 256,
        b"",
        b"b" * 256,
        [0] * 15,
        [0] * 16,
        {f"k{index:02}": index for index in range(16)},
    ]
    moments = (
        Timestamp(0),
        Timestamp(2**32 - 1),
        Timestamp(2**32),
        Timestamp(1785000000, 500_000_000),
        Timestamp(2**34 - 1),
        Timestamp(2**34),
        Timestamp(-1),
    )
    deep: Value = 1
    for _ in range(32):
        deep = [deep]
    return [
        _ok("worked", "The state of the worked value.", {"user_id": 184467}),
        _ok("nil", "A state need not be a map.", None),
        _ok("scalars", "Each in its shortest form, floats always in eight bytes.",
            [None, True, False, 1.5, float("inf"), "\u00e9\U0001f511", {}]),
        _ok("integers", "The edges of every integer form.", [*edges, *below]),
        _ok("lengths", "The edges of the forms of lengths.", lengths),
        _ok("timestamps", "The edges of the forms of timestamps.", moments),
        _ok("32-levels", "32 arrays in one another and a scalar within.", deep),
    ]  # fmt: skip


def _refused() -> list[Case]:
    deep: Json = 1
    for _ in range(33):
        deep = [deep]
    maps: Json = {}
    for _ in range(32):
        maps = {"a": maps}
    beyond: Json = {"$int": str(MAX_SAFE + 1)}
    proto: Json = {"$map": [["__proto__", {"admin": True}]]}
    cases: list[tuple[str, str, str, Json]] = [
        ("int-too-great", "2^53, one above the range.", "state", beyond),
        ("int-too-small", "-2^53, one below the range.", "state.a", {"a": {"$int": str(-(2**53))}}),
        ("int-huge", "An int beyond 64 bits.", "state.a[2].b",
         {"a": [0, 1, {"b": {"$int": str(2**70)}}]}),
        ("nan", "Not a number.", "state[1]", [0, {"$float": "nan"}]),
        ("key-int", "A key that is an int.", "state", {"$map": [[1, "one"]]}),
        ("key-int-nested", "The same in a map within.", "state.a[0]",
         {"a": [{"$map": [["b", 1], [2, "two"]]}]}),
        ("key-nil", "A key that is nil.", "state", {"$map": [[None, 1]]}),
        ("key-true", "A key that is true.", "state.a", {"a": {"$map": [[True, 1]]}}),
        ("key-bin", "A key that is a bin.", "state", {"$map": [[{"$bin": "61"}, 1]]}),
        ("key-proto", "The key that JavaScript readers would refuse.", "state", proto),
        ("key-proto-nested", "The same in a map within.", "state.a.b[0]",
         {"a": {"b": [proto]}}),
        ("key-overflow", "The key of references to states elsewhere, which no application writes.",
         "state", {"tokensession/overflow": {"$bin": "01" + "00" * 64}, "user_id": 42}),
        ("lone-surrogate", "A text that has no UTF-8 form.", "state.a",
         {"a": {"$utf16": "0061d800"}}),
        ("lone-surrogate-key", "A key that has no UTF-8 form.", "state.a",
         {"a": {"$map": [[{"$utf16": "d800"}, 1]]}}),
        ("33-levels", "33 arrays in one another; the 33rd is refused.", "state" + "[0]" * 32, deep),
        ("33-maps", "33 maps in one another.", "state" + ".a" * 32, maps),
    ]  # fmt: skip
    return [_bad(slug, comment, path, state) for slug, comment, path, state in cases]
