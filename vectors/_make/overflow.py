"""overflow.json: states that are kept outside their token, and the references to them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .material import seeded
from .msgpack import (
    Json,
    Value,
    array,
    binary,
    ext,
    float32,
    mapping,
    nested,
    pack,
    tagged,
    text,
    uint,
)
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from collections.abc import Mapping

RESERVED = "tokensession/overflow"
SID, OTHER_SID = bytes(range(16)), bytes(range(16, 32))
KEY, OTHER_KEY = seeded("overflow/1"), seeded("overflow/2")
STATE: Value = {"cart": [{"note": "x" * 40, "sku": f"ESPRESSO-{kilos}KG"} for kilos in range(4)]}


def overflow() -> dict[str, Json]:
    """Give the content of overflow.json."""
    comment = (
        "The state of a token's claims, its session id and context, and what the store answers:"
        " the state that is meant, or bad_state."
    )
    return vector_file("overflow", comment, [*_accepted(), *_entries(), *_references(), *_either()])


def entry_of(packed: bytes, key: bytes = KEY, sid: bytes = SID, context: str = "session") -> bytes:
    """Seal a state as an entry."""
    bound = b"tokensession/v1/overflow\x00" + sid + context.encode()
    return AESGCM(key).encrypt(bytes(12), packed, bound)


def _reference(entry: bytes, key: bytes = KEY) -> dict[str, Value]:
    return {RESERVED: b"\x01" + hashlib.sha256(entry).digest() + key}


def _case(
    slug: str,
    comment: str,
    state: Mapping[str, Value],
    entry: bytes | None,
    packed: bytes | None = None,
    *,
    sid: bytes = SID,
    context: str = "session",
) -> Case:
    case: Case = {
        "id": f"overflow/{slug}",
        "rule": "O1",
        "comment": comment,
        "sid": sid.hex(),
        "context": context,
        "state": tagged(state),
        "entry": None if entry is None else entry.hex(),
        "expect": "bad_state" if packed is None else "ok",
    }
    return case if packed is None else {**case, "packed": packed.hex()}


def _ok(slug: str, comment: str, value: Value, context: str = "session") -> Case:
    packed = pack(value)
    entry = entry_of(packed, context=context)
    return _case(slug, comment, _reference(entry), entry, packed, context=context)


def _accepted() -> list[Case]:
    return [
        _ok("worked", "A state of some length.", STATE),
        _ok("context", "Another context.", STATE, "caf\u00e9"),
        _ok("nil", "A state need not be a map, nor long.", None),
        _ok("32-levels", "32 arrays in one another and a scalar within.", nested(32, leaf=b"\x01")),
        _ok(
            "long-forms",
            "Lengths and integers in longer forms.",
            array([uint(7, 64), text(b"a", 32), binary(b"b", 16)], 32),
        ),
        _ok("long", "10,000 bytes.", {"data": b"\xa5" * 10_000}),
    ]


def _entries() -> list[Case]:
    """What a store can answer in place of the entry."""
    packed = pack(STATE)
    entry = entry_of(packed)
    mine = _reference(entry)
    older = entry_of(pack({"cart": []}), OTHER_KEY)
    same_key = entry_of(pack({"cart": []}))
    others = entry_of(packed, sid=OTHER_SID)
    elsewhere = entry_of(packed, context="other")
    broken = entry_of(packed[:-1])
    trailing = entry_of(packed + b"\xc0")
    nothing, never = entry_of(b""), entry_of(b"\x81\xa1a\xc1")
    return [
        _case("gone", "The store has no such entry.", mine, None),
        _case("empty", "The store answers no bytes.", mine, b""),
        _case("older", "An older entry of the session, under its own key.", mine, older),
        _case("same-key", "Another state under the same key: the digest differs.", mine, same_key),
        _case("cut", "The last byte is missing.", mine, entry[:-1]),
        _case("longer", "A byte too many.", mine, entry + b"\x00"),
        _case("bit", "One bit of the ciphertext.", mine, bytes([entry[0] ^ 1]) + entry[1:]),
        _case("tag", "One bit of the tag.", mine, entry[:-1] + bytes([entry[-1] ^ 1])),
        _case("another-session", "Sealed for another session id.", _reference(others), others),
        _case("another-context", "Sealed for another context.", _reference(elsewhere), elsewhere),
        _case("another-key", "The digest is right, the key is not.",
              _reference(entry, OTHER_KEY), entry),
        _case("truncated-state", "Sealed in order, but no whole msgpack.",
              _reference(broken), broken),
        _case("trailing-state", "A value and one more.", _reference(trailing), trailing),
        _case("never-used", "The byte that msgpack assigns to nothing.",
              _reference(never), never),
        _case("no-state", "No value at all.", _reference(nothing), nothing),
        _case("shorter-than-a-tag", "15 bytes, with their own digest.",
              _reference(entry[:15]), entry[:15]),
    ]  # fmt: skip


def _either() -> list[Case]:
    """What a reader may find wrong in an entry, or leave to its writer."""
    values: list[tuple[str, str, Value]] = [
        ("33-levels", "33 arrays in one another.", nested(33)),
        ("2000-levels", "2000 arrays in one another.", nested(2000)),
        ("utf8", "Bad UTF-8 in a text.", text(b"\xff\xfe")),
        ("utf8-key", "Bad UTF-8 in a key.", mapping([(text(b"\xff"), 1)])),
        ("int-beyond", "An integer beyond 2^53 - 1.", 2**60),
        ("float32", "A float in four bytes.", float32(1.5)),
        ("nan", "Not a number.", {"a": float("nan")}),
        ("ext", "An extension of another type.", ext(5, b"ab")),
        ("key-int", "A key that is an int.", mapping([(1, 2)])),
        ("key-map", "A key that is a map.", mapping([({}, 2)])),
        ("key-proto", "The key __proto__.", {"__proto__": 1}),
        ("timestamp-5-bytes", "An ext -1 of a length that no timestamp has.", ext(-1, bytes(5))),
        ("reference", "A reference in the place of a state.", {RESERVED: b"\x01" + bytes(64)}),
    ]
    cases: list[Case] = []
    for slug, comment, found in values:
        entry = entry_of(pack(found))
        case = _case(f"either-{slug}", comment, _reference(entry), entry)
        cases.append({**case, "rule": "O2", "acceptable": ["ok"]})
    return cases


def _references() -> list[Case]:
    """What stands under the reserved key, and is no reference."""
    entry = entry_of(pack(STATE))
    whole = _reference(entry)[RESERVED]
    assert isinstance(whole, bytes)
    cases: list[tuple[str, str, dict[str, Value]]] = [
        ("version-2", "Version 2.", {RESERVED: b"\x02" + whole[1:]}),
        ("version-0", "Version 0.", {RESERVED: b"\x00" + whole[1:]}),
        ("short", "64 bytes, one too few.", {RESERVED: whole[:-1]}),
        ("long-reference", "66 bytes, one too many.", {RESERVED: whole + b"\x00"}),
        ("no-bytes", "No bytes.", {RESERVED: b""}),
        ("text", "Text of 65 characters.", {RESERVED: "\x01" + "a" * 64}),
        ("nil-reference", "nil.", {RESERVED: None}),
        ("array", "The parts in an array.", {RESERVED: [1, whole[1:33], whole[33:]]}),
        ("another-member", "A member beside it.", {RESERVED: whole, "user_id": 42}),
    ]  # fmt: skip
    return [_case(slug, comment, state, entry) for slug, comment, state in cases]
