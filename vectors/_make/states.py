"""states.json: the state of each key at each moment, and which one signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .material import Jwk, document, ed25519_key, enc_jwk, es256, hs256
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from .msgpack import Json

Moment = tuple[int, Mapping[str, str], str | None]

P, A, R, E, X = "pending", "active", "retiring", "expired", "revoked"
FAR = 253402300799
REVOKED: dict[str, Json] = {"revoked": {"revoked_at": 50}}


def states() -> dict[str, Json]:
    """Give the content of states.json."""
    cases = [*_one_key(), *_successors(), *_ties(), *_revoked(), *_readers()]
    comment = "Key documents and moments: the state of each kid, and the kid that signs or null."
    return vector_file("states", comment, cases)


def _hs(kid: str, **dates: Json) -> list[Jwk]:
    return [hs256(kid).jwks()[0] | dates]


def _ed(kid: str, *, private: bool = True, **dates: Json) -> list[Jwk]:
    key = ed25519_key(kid, kid)
    return [key.jwks(private=private)[0] | dates, enc_jwk(kid, key.secret)]


def _case(slug: str, rule: str, comment: str, jwks: list[list[Jwk]], *moments: Moment) -> Case:
    told: Json = [
        {"now": now, "states": dict(states), "active": active} for now, states, active in moments
    ]
    return {
        "id": f"states/{slug}",
        "rule": rule,
        "comment": comment,
        "document": document(*jwks),
        "times": told,
        "expect": "ok",
    }


def _one_key() -> list[Case]:
    return [
        _case("no-dates", "S1", "A key without dates is active at all times.", [_hs("a")],
              (0, {"a": A}, "a"), (FAR, {"a": A}, "a")),
        _case("nbf-and-exp", "S1", "An only key counts as active before its nbf; exp ends it.",
              [_hs("a", nbf=100, exp=200)],
              (0, {"a": A}, "a"), (99, {"a": A}, "a"), (100, {"a": A}, "a"),
              (101, {"a": A}, "a"), (199, {"a": A}, "a"), (200, {"a": E}, None),
              (201, {"a": E}, None)),
    ]  # fmt: skip


def _successors() -> list[Case]:
    planned = [_hs("a", exp=400), _hs("b", nbf=200, exp=600), _hs("c", nbf=300)]
    moments: list[Moment] = [
        (199, {"a": A, "b": P, "c": P}, "a"), (200, {"a": R, "b": A, "c": P}, "b"),
        (201, {"a": R, "b": A, "c": P}, "b"), (299, {"a": R, "b": A, "c": P}, "b"),
        (300, {"a": R, "b": R, "c": A}, "c"), (301, {"a": R, "b": R, "c": A}, "c"),
        (399, {"a": R, "b": R, "c": A}, "c"), (400, {"a": E, "b": R, "c": A}, "c"),
        (599, {"a": E, "b": R, "c": A}, "c"), (600, {"a": E, "b": E, "c": A}, "c"),
    ]  # fmt: skip
    mixed = [_hs("a", exp=400), _ed("b", nbf=200), es256("c").jwks()]
    mixed[2][0] = mixed[2][0] | {"nbf": 300}
    return [
        _case("three-keys", "S1", "Two rotations, each boundary from both sides.", planned,
              *moments),
        _case("order-of-the-file", "S1", "The same keys in another order.", planned[::-1],
              *moments),
        _case("three-algorithms", "S1", "A rotation from HS256 over Ed25519 to ES256.", mixed,
              (199, {"a": A, "b": P, "c": P}, "a"), (200, {"a": R, "b": A, "c": P}, "b"),
              (300, {"a": R, "b": R, "c": A}, "c"), (400, {"a": E, "b": R, "c": A}, "c")),
        _case("none-due", "S2", "Without a due key the pending one with the smallest nbf signs.",
              [_hs("a", nbf=300), _hs("b", nbf=200), _hs("c", nbf=400)],
              (100, {"a": P, "b": A, "c": P}, "b"), (199, {"a": P, "b": A, "c": P}, "b"),
              (200, {"a": P, "b": A, "c": P}, "b"), (300, {"a": A, "b": R, "c": P}, "a")),
        _case("gap", "S2", "The active key ends before its successor's nbf, which signs then.",
              [_hs("a", exp=100), _hs("b", nbf=200)],
              (99, {"a": A, "b": P}, "a"), (100, {"a": E, "b": A}, "b"),
              (101, {"a": E, "b": A}, "b"), (200, {"a": E, "b": A}, "b")),
        _case("successor-ends-first", "S2", "The newer key ends first, and the older signs again.",
              [_hs("a"), _hs("b", nbf=100, exp=200)],
              (99, {"a": A, "b": P}, "a"), (100, {"a": R, "b": A}, "b"),
              (199, {"a": R, "b": A}, "b"), (200, {"a": A, "b": E}, "a")),
        _case("all-expired", "S2", "No key is left to sign.",
              [_hs("a", exp=100), _hs("b", nbf=50, exp=200)],
              (199, {"a": E, "b": A}, "b"), (200, {"a": E, "b": E}, None)),
    ]  # fmt: skip


def _ties() -> list[Case]:
    return [
        _case("tie-due", "S2", "Equal nbf: the greatest kid in byte order, so k9 before k10.",
              [_hs("k9"), _hs("k10"), _hs("K99", nbf=0)],
              (0, {"k9": A, "k10": R, "K99": R}, "k9")),
        _case("tie-bytes", "S2", "Small letters after _, that after capitals, then 9 and -.",
              [_hs("a", nbf=100, exp=200), _hs("_", nbf=100, exp=300), _hs("Z", nbf=100, exp=400),
               _hs("9", nbf=100, exp=500), _hs("-", nbf=100)],
              (100, {"a": A, "_": R, "Z": R, "9": R, "-": R}, "a"),
              (200, {"a": E, "_": A, "Z": R, "9": R, "-": R}, "_"),
              (300, {"a": E, "_": E, "Z": A, "9": R, "-": R}, "Z"),
              (400, {"a": E, "_": E, "Z": E, "9": A, "-": R}, "9"),
              (500, {"a": E, "_": E, "Z": E, "9": E, "-": A}, "-")),
        _case("tie-pending", "S2", "Equal nbf, none due: the greatest kid signs.",
              [_hs("a", nbf=100), _hs("b", nbf=100), _hs("c", nbf=101)],
              (99, {"a": P, "b": A, "c": P}, "b"), (100, {"a": R, "b": A, "c": P}, "b"),
              (101, {"a": R, "b": R, "c": A}, "c")),
        _case("tie-longer", "S2", "A kid is smaller than one that continues it.",
              [_hs("a"), _hs("a0")], (0, {"a": R, "a0": A}, "a0")),
    ]  # fmt: skip


def _revoked() -> list[Case]:
    odd: list[tuple[str, Json]] = [("b", None), ("c", False), ("d", 0), ("e", {}), ("f", "no")]
    jwks = [_hs("a"), *(_hs(kid, nbf=10, revoked=value) for kid, value in odd)]
    bare: list[Jwk] = [{"kty": "oct", "kid": "b", "alg": "HS256", **REVOKED}]
    return [
        _case("revoked-successor", "S1", "The successor is revoked: the active key goes on.",
              [_hs("a", exp=500), _hs("b", nbf=200, **REVOKED)],
              (199, {"a": A, "b": X}, "a"), (200, {"a": A, "b": X}, "a"),
              (499, {"a": A, "b": X}, "a"), (500, {"a": E, "b": X}, None)),
        _case("revoked-active", "S2", "The active key is revoked: the pending one signs at once.",
              [_hs("a", **REVOKED), _hs("b", nbf=200)],
              (100, {"a": X, "b": A}, "b"), (200, {"a": X, "b": A}, "b")),
        _case("revoked-whatever-value", "S1", "revoked counts by being there.", jwks,
              (100, {"a": A} | {kid: X for kid, _ in odd}, "a")),
        _case("revoked-and-dated", "S1", "Revoked comes before expired and pending.",
              [_hs("a", exp=100, **REVOKED), _hs("b", nbf=300, **REVOKED), _hs("c")],
              (99, {"a": X, "b": X, "c": A}, "c"), (100, {"a": X, "b": X, "c": A}, "c")),
        _case("revoked-bare", "S1", "A revoked kid without material stays listed.",
              [_hs("a"), bare], (100, {"a": A, "b": X}, "a")),
        _case("all-revoked", "S2", "No key is left to sign.",
              [_hs("a", **REVOKED)], (0, {"a": X}, None), (100, {"a": X}, None)),
    ]  # fmt: skip


def _readers() -> list[Case]:
    return [
        _case("cannot-mint", "S2",
              "A key without d is never active beside one that mints, with any nbf.",
              [_hs("a"), _ed("b", private=False, nbf=100, exp=300)],
              (99, {"a": A, "b": P}, "a"), (100, {"a": A, "b": R}, "a"),
              (300, {"a": A, "b": E}, "a")),
        _case("minter-expired", "S2",
              "A ring with a key that minted is no reader's: without it nothing is active.",
              [_hs("a", exp=100), _ed("b", private=False)],
              (99, {"a": A, "b": R}, "a"), (100, {"a": E, "b": R}, None)),
        _case("minter-revoked", "S2",
              "A revoked key does not count: what is left is a reader's ring.",
              [_hs("a", **REVOKED), _ed("b", private=False)],
              (100, {"a": X, "b": A}, None)),
        _case("reader-ring", "S2",
              "No key mints: the states are those that the minter computes, and no key signs.",
              [_ed("a", private=False, exp=300), _ed("b", private=False, nbf=200)],
              (199, {"a": A, "b": P}, None), (200, {"a": R, "b": A}, None),
              (300, {"a": E, "b": A}, None)),
    ]  # fmt: skip
