"""Tokens with two faults each: the code is that of the earlier step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import msgpack
from .claims_model import IAT, STATE_AT, Claims
from .draft import MAX_CHARACTERS, Draft, flip
from .material import b64u
from .msgpack import Raw
from .rings import ED, ES, GONE, HS, OLD, OLD_ENDS, STRANGER
from .token_cases import LEEWAY, NOW, Reading, draft, refused, unknown
from .tokens_accepted import padded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case

LATE = Reading(now=IAT + 3600)
TYPED = Reading(fields={"user_id": "int"})
TYPED_LATE = replace(LATE, fields=TYPED.fields)
WRONG_TYPE = Claims(state={"user_id": "text"})


def order() -> Iterator[Case]:
    """Give the cases of RO."""
    yield from _before_the_signature()
    yield from _after_the_signature()


def _case(
    slug: str, expect: str, comment: str, token: Draft | str, reading: Reading | None = None
) -> Case:
    return refused(f"order-{slug}", "RO", expect, comment, token, reading)


def _unsigned(made: Draft) -> Draft:
    return replace(made, signature=flip(made.the_signature(), 5))


def _before_the_signature() -> Iterator[Case]:
    stranger = draft(STRANGER, "order-stranger")
    yield _case(
        "length-and-kid",
        "malformed",
        "8193 characters and an unknown kid.",
        padded(STRANGER, "order-length", MAX_CHARACTERS + 1),
    )
    yield _case(
        "segments-and-kid",
        "malformed",
        "Four segments and an unknown kid.",
        stranger.text() + ".AA",
    )
    yield _case(
        "ascii-and-kid", "malformed", "Not ASCII, and an unknown kid.", stranger.text() + "\u00e9"
    )
    spaced = replace(stranger, payload_segment=b64u(stranger.the_payload()) + " ")
    for slug, comment, made in (
        ("kid-and-payload", "An unknown kid and a payload with a space.", spaced),
        ("kid-and-empty-payload", "An unknown kid and no payload.",
         replace(stranger, payload_segment="")),
        ("kid-and-signature-length", "An unknown kid and a short signature.",
         replace(stranger, signature=b"short")),
        ("kid-and-empty-segments", "Three empty segments.",
         replace(stranger, header_segment="", payload_segment="", signature_segment="")),
    ):  # fmt: skip
        yield unknown(f"order-{slug}", comment, made, rule="RO")
    revoked = draft(GONE, "order-revoked-and-signature")
    yield unknown(
        "order-revoked-and-signature",
        "A revoked key and a bad signature.",
        _unsigned(revoked),
        key_state="revoked",
        rule="RO",
    )
    old = draft(OLD, "order-expired-key-and-payload")
    yield unknown(
        "order-expired-key-and-payload",
        "An expired key and a padded payload.",
        replace(old, payload_segment=b64u(old.the_payload()) + "="),
        Reading(now=OLD_ENDS),
        key_state="expired",
        rule="RO",
    )
    made = draft(HS, "order-payload-and-signature")
    yield _case(
        "payload-and-signature",
        "malformed",
        "A payload with a space, a bad signature.",
        _unsigned(replace(made, payload_segment=b64u(made.the_payload()) + " ")),
    )
    yield _case(
        "empty-payload-and-signature",
        "malformed",
        "No payload, and a bad signature.",
        _unsigned(replace(made, payload_segment="")),
    )
    for key in (HS, ED, ES):
        slug = f"signature-length-and-version-{key.alg.lower()}"
        second = replace(draft(key, f"order-{slug}"), version=2)
        yield _case(
            slug,
            "malformed",
            "A signature too short, on a payload of version 2.",
            replace(second, signature=second.the_signature()[:-1]),
        )


def _after_the_signature() -> Iterator[Case]:
    made = draft(HS, "order-signed")
    for slug, expect, comment, token in (
        ("signature-and-version", "bad_signature", "A bad signature on version 2.",
         _unsigned(replace(made, version=2))),
        ("signature-and-length", "bad_signature", "A bad signature on 20 bytes.",
         _unsigned(replace(made, payload=made.the_payload()[:20]))),
        ("signature-and-tag", "bad_signature", "A bad signature and a bad tag.",
         _unsigned(replace(made, payload=flip(made.the_payload(), -1)))),
        ("signature-and-claims", "bad_signature", "A bad signature on bad claims.",
         _unsigned(replace(made, plaintext=b"\xc1"))),
        ("version-and-length", "unsupported_version", "Version 2 and only 5 bytes.",
         replace(made, payload=b"\x02" + bytes(4))),
        ("version-and-tag", "unsupported_version", "Version 2 and a bad tag.",
         replace(made, payload=b"\x02" + flip(made.the_payload(), -1)[1:])),
        ("tag-and-claims", "decrypt_failed", "A wrong encryption key and bad claims.",
         replace(made, enc_key=bytes(32), plaintext=b"\xc1")),
    ):  # fmt: skip
        yield _case(slug, expect, comment, token)
    yield _case(
        "signature-and-expired",
        "bad_signature",
        "A bad signature on an expired token.",
        _unsigned(made),
        LATE,
    )
    yield _case(
        "tag-and-expired",
        "decrypt_failed",
        "A bad tag on an expired token.",
        replace(made, payload=flip(made.the_payload(), -1)),
        LATE,
    )
    for slug, comment, plaintext in (
        ("claims-and-expired", "Expired, and a byte trails.", Claims().pack() + b"\x00"),
        ("state-and-expired", "Expired, and 0xc1 in the state.",
         Claims().pack({STATE_AT: Raw(b"\x91\xc1")})),
        ("pad-and-expired", "Expired, and 0xc1 in the pad.",
         Claims().pack(then=[None, Raw(b"\xc1")])),
    ):  # fmt: skip
        yield _case(slug, "bad_claims", comment, replace(made, plaintext=plaintext), LATE)
    early = Claims().pack({1: NOW + LEEWAY + 1, 2: 0})
    yield _case(
        "claims-and-not-yet-valid",
        "bad_claims",
        "From the future, with a ttl of 0.",
        replace(made, plaintext=early),
    )
    broken = msgpack.mapping([("user_id", "text"), ("a", Raw(b"\xc1"))])
    for slug, comment, plaintext in (
        ("state-and-type", "A member of the wrong type, and after it 0xc1.",
         Claims().pack({STATE_AT: broken})),
        ("trailing-and-type", "A member of the wrong type, and a byte trails.",
         WRONG_TYPE.pack() + b"\x00"),
        ("cap-and-type", "A member of the wrong type, and a cap of 0.",
         WRONG_TYPE.pack(then=[0])),
    ):  # fmt: skip
        yield _case(slug, "bad_claims", comment, replace(made, plaintext=plaintext), TYPED)
    yield from _times_and_types()


def _times_and_types() -> Iterator[Case]:
    future = NOW + LEEWAY + 1
    yield _case(
        "not-yet-valid-and-limit",
        "not_yet_valid",
        "From the future, and the session's limit has passed.",
        draft(HS, "order-future", Claims(iat=future, age=90000)),
        Reading(absolute_timeout=86400),
    )
    yield _case(
        "not-yet-valid-and-type",
        "not_yet_valid",
        "From the future, and a wrong type.",
        draft(HS, "order-future", replace(WRONG_TYPE, iat=future)),
        TYPED,
    )
    yield _case(
        "expired-and-type",
        "expired",
        "Expired, and a wrong type.",
        draft(HS, "order-expired", WRONG_TYPE),
        TYPED_LATE,
    )
    yield _case(
        "limit-and-type",
        "expired",
        "Past its cap, and a wrong type.",
        draft(HS, "order-expired", replace(WRONG_TYPE, cap=50)),
        TYPED,
    )
