"""writing.json: states that a writer refuses, and the bytes of those it takes."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from .claims_model import IAT, MAX_SAFE, Claims
from .draft import MAX_CHARACTERS, Draft
from .material import WORKED, Key, document
from .msgpack import Json, Timestamp, Value, pack, tagged
from .overflow import RESERVED
from .rings import ED, ES
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600


def writing() -> dict[str, Json]:
    """Give the content of writing.json."""
    cases = [*_written(), *_lengths(), *_refused(), *_tokens()]
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
        Timestamp(0, 500_000_000),
        Timestamp(-62135596800),
        Timestamp(253402300799, 999_000_000),
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
        _ok("reference-key-deeper", "The key of references is an application's further in.",
            {"a": {RESERVED: 1}, "b": [{RESERVED: 2}]}),
        _ok("keys", "Keys of every kind.", {"": 1, "\x00": 2, "a b": 4, "\u00e9": 5}),
        _ok("infinities", "Infinities are floats.", [float("inf"), float("-inf")]),
        _ok("years", "The first and the last millisecond of the years 1 to 9999.",
            [Timestamp(-62135596800), Timestamp(253402300799, 999_000_000)]),
        _ok("before-1970", "Half a second before 1970.", Timestamp(-1, 500_000_000)),
        _ok("32-levels", "32 arrays in one another and a scalar within.", deep),
    ]  # fmt: skip


def _lengths() -> list[Case]:
    """Give each form of a length at both of its ends."""
    wholes: dict[str, Callable[[int], Value]] = {
        "text": lambda count: "a" * count,
        "bin": lambda count: b"\xa5" * count,
        "array": lambda count: [None] * count,
        "map": lambda count: {f"k{number:05}": None for number in range(count)},
    }
    cases: list[Case] = []
    for name, whole in wholes.items():
        more = [0x010203] if name == "array" else []  # each byte of a length counts
        for count in (15, 16, 31, 32, 255, 256, 65535, 65536, *more):
            state: Json = {"$repeat": [tagged(whole(1)), count]}
            if name == "map":
                state = {"$numbered": count}
            packed = pack(whole(count))
            cases.append({
                "id": f"writing/length-{name}-{count}",
                "rule": "W2",
                "comment": f"A length of {count}, of a {name}.",
                "state": state,
                "expect": "ok",
                "size": len(packed),
                "sha256": sha256(packed).hexdigest(),
            })  # fmt: skip
    return cases


def _tokens() -> list[Case]:
    """Give the longest tokens that may be written, and the shortest that may not."""
    keys: list[Key] = [WORKED, ED, ES]
    cases: list[Case] = []
    for key in keys:
        lengths = range(5900, 6100)
        longest = lengths[bisect_right(lengths, MAX_CHARACTERS, key=partial(_characters, key)) - 1]
        for length in (longest, longest + 1):
            fits = length == longest
            cases.append({
                "id": f"writing/token-{key.alg.lower()}-{'longest' if fits else 'too-long'}",
                "rule": "W3",
                "comment": f"A token of {_characters(key, length)} characters.",
                "state": {"a": {"$repeat": [{"$bin": "a5"}, length]}},
                "document": document(key.jwks()),
                "now": IAT,
                "ttl": HOUR,
                "expect": "ok" if fits else "state_error",
                **({"characters": _characters(key, length)} if fits else {}),
            })  # fmt: skip
    return cases


def _characters(key: Key, length: int) -> int:
    """Count the characters of a token whose state holds that many bytes."""
    plaintext = Claims(ttl=HOUR, state={"a": b"\xa5" * length}).pack()
    return len(Draft(key=key, plaintext=plaintext).text())


def _refused() -> list[Case]:
    deep: Json = 1
    for _ in range(33):
        deep = [deep]
    maps: Json = {}
    for _ in range(32):
        maps = {"a": maps}
    nan: Json = {"$float": "nan"}
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
        ("path-name", "Letters, digits and _ follow a dot.", "state.a_1.B", {"a_1": {"B": nan}}),
        ("path-digit", "A name does not begin with a digit.", 'state["7"]', {"7": nan}),
        ("path-dot", "Any other key is spelled as JSON.", 'state["a.b"][0]', {"a.b": [nan]}),
        ("path-empty", "The empty key too.", 'state[""]', {"": nan}),
        ("path-letter", "A letter outside ASCII.", 'state["\u00e9"]', {"\u00e9": nan}),
        ("path-escape", "A key that JSON escapes.", 'state["\\u0000\\\\"]', {"\0\\": nan}),
        ("reference-key-nil", "The key of references alone.", "state", {RESERVED: None}),
        ("year-10000", "The second after the year 9999.", "state.a",
         {"a": {"$timestamp": [253402300800, 0]}}),
        ("year-0", "The second before the year 1.", "state[0]",
         [{"$timestamp": [-62135596801, 0]}]),
        ("33-levels", "33 arrays in one another; the 33rd is refused.", "state" + "[0]" * 32, deep),
        ("33-maps", "33 maps in one another.", "state" + ".a" * 32, maps),
    ]  # fmt: skip
    return [_bad(slug, comment, path, state) for slug, comment, path, state in cases]
