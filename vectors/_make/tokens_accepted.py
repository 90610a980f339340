"""Tokens of every kind that are read, and those that a writer must make to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import msgpack
from .claims_model import AGE_AT, AUTH_AT, IAT, IAT_AT, SID_AT, SIGNERS_AT, Claims
from .derivation import WORKED_SALT
from .draft import MAX_CHARACTERS, Draft
from .material import P256_ORDER, WORKED, WORKED_ED, Key, seeded
from .msgpack import Timestamp, Value
from .rings import ED, ES, HS, HS_64, LONG, NEXT, OLD, OLD_ENDS, STRANGER
from .token_cases import Reading, accepted, draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case

RICH_STATE: Value = {
    "basket": [{"count": 2, "item": "caf\u00e9"}, {"count": -1, "item": None}],
    "blob": b"\x00\x01\xfe\xff",
    "flag": True,
    "ratio": 0.25,
    "seen": Timestamp(IAT - 86400),
}


def accepted_tokens() -> Iterator[Case]:
    """Yield the cases that every policy accepts."""
    yield from _written()
    yield from _signed_before()
    yield from _only_read()


def _written() -> Iterator[Case]:
    nonce = bytes(range(0xB0, 0xBC))
    worked: list[tuple[str, Key]] = [("worked", WORKED), ("worked-ed25519", WORKED_ED)]
    for slug, key in worked:
        yield accepted(
            slug,
            "RW",
            f"The worked value of the specification, {key.alg}.",
            Claims(),
            Draft(key=key, plaintext=Claims().pack(), salt=WORKED_SALT, nonce=nonce),
            Reading(ring=slug),
        )
    rich = Claims(
        sid=seeded("sid/rich", 16), ttl=1800, age=7200, sub="zo\u00eb", cap=604800,
        state=RICH_STATE, signers=[STRANGER.kid, HS_64.kid], auth=600,
    )  # fmt: skip
    kinds: list[tuple[str, str, Key]] = [
        ("hs256", "HS256, with every claim and many types of state.", HS),
        ("ed25519", "Ed25519, with every claim and many types of state.", ED),
        ("es256", "ES256, with every claim and many types of state.", ES),
    ]
    for slug, comment, key in kinds:
        yield accepted(slug, "RW", comment, rich, draft(key, slug, rich))
    numbered = Claims(sid=seeded("sid/numbered", 16), sub=42, state=None)
    yield accepted(
        "hs256-secret-64",
        "RW",
        "A master secret of 64 bytes; a state of nil.",
        numbered,
        draft(HS_64, "hs256-secret-64", numbered),
    )
    yield accepted(
        "kid-32",
        "RW",
        "The longest kid, with every kind of character.",
        Claims(),
        draft(LONG, "kid-32"),
    )
    cart = replace(draft(HS, "other-context"), context="__Secure cart \u20ac")
    yield accepted(
        "other-context",
        "RW",
        "A context of several bytes a character.",
        Claims(),
        cart,
        Reading(context=cart.context),
    )


def _signed_before() -> Iterator[Case]:
    for slug, comment, content in (
        ("signers-alone", "Signers, and nothing in place of cap and pad.", Claims(signers=["k0"])),
        ("auth-nil", "An auth of nil, as of a session that another library began.",
         Claims(sub=42, auth=None)),
        ("signers-and-auth-nil", "Signers and an auth of nil.",
         Claims(signers=["k0", "k1"], auth=None)),
        ("auth-alone", "An auth, and nothing in place of what comes before it.",
         Claims(age=3600, sub=42, auth=3600)),
        ("cap-and-signers", "A cap and signers, the pad as nil.",
         Claims(cap=86400, signers=["k0"])),
    ):  # fmt: skip
        yield accepted(slug, "RW", comment, content, draft(HS, slug, content))


def _only_read() -> Iterator[Case]:
    for key in (ED, ES):
        slug = f"reader-{key.alg.lower()}"
        yield accepted(
            slug,
            "R4",
            f"A ring without d reads {key.alg}.",
            Claims(),
            draft(key, slug),
            Reading(ring="reader"),
        )
    yield accepted(
        "key-pending", "R2", "A pending key verifies already.", Claims(), draft(NEXT, "key-pending")
    )
    yield accepted(
        "key-last-second",
        "R2",
        "A key verifies until the second before its exp.",
        Claims(),
        draft(OLD, "key-last-second"),
        Reading(now=OLD_ENDS - 1),
    )
    malleable = draft(ES, "es256-other-s")
    r, s = malleable.the_signature()[:32], malleable.the_signature()[32:]
    opposite = (P256_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    yield accepted(
        "es256-other-s",
        "R4",
        "n - s in place of s is a valid ES256 signature too.",
        Claims(),
        replace(malleable, signature=r + opposite),
    )
    filled: list[tuple[str, Key, str]] = [
        ("longest-hs256", WORKED, "worked"),
        ("longest-ed25519", ED, "main"),
    ]
    for slug, key_, ring in filled:
        yield accepted(
            slug,
            "R1",
            "A token of 8192 characters, filled by a pad.",
            Claims(),
            padded(key_, slug, MAX_CHARACTERS),
            Reading(ring=ring),
        )
    content = Claims(pad=b"\x00" * 32, age=9, signers=["k0"], auth=9)
    odd = content.pack(
        {IAT_AT: msgpack.uint(IAT, 64), AGE_AT: msgpack.sint(9, 64),
         SID_AT: msgpack.binary(Claims().sid, 32), AUTH_AT: msgpack.uint(9, 64),
         SIGNERS_AT: msgpack.array([msgpack.text(b"k0", 16)], 16)},
        then=[{"later": [1]}], bits=32,
    )  # fmt: skip
    yield accepted(
        "odd-forms",
        "R7",
        "Claims in forms that no writer makes but readers take.",
        content,
        replace(draft(HS, "odd-forms"), plaintext=odd),
    )


def padded(key: Key, slug: str, characters: int) -> Draft:
    """Give a token of exactly that many characters, or fail where base64url has none."""
    made = draft(key, slug)
    for length in range(4000, 6200):
        plaintext = Claims().pack(then=[None, b"\x00" * length])
        filled = replace(made, plaintext=plaintext)
        if len(filled.text()) == characters:
            return filled
    raise ValueError(f"no token of {key.kid} has {characters} characters")
