"""Tokens that fail in steps 5 to 7: signed, but not of version 1, not to open, not to read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import msgpack
from .claims_model import (
    AGE_AT,
    CAP_AT,
    IAT,
    IAT_AT,
    MAX_UINT32,
    SID_AT,
    STATE_AT,
    SUB_AT,
    TTL_AT,
    Claims,
)
from .draft import Draft, flip, header_text
from .material import Key, derive_enc_key, hkdf, seeded
from .rings import ED, ED_TWIN, ES, HS
from .token_cases import Reading, draft, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Value
    from .vectorfile import Case

KEYS: list[Key] = [HS, ED, ES]


def contents() -> Iterator[Case]:
    """Give the cases of R5, R6 and R7."""
    yield from _versions()
    yield from _lengths()
    yield from _encryption()
    yield from _claims()


def _versions() -> Iterator[Case]:
    for version in (0, 2, 0x81, 255):
        slug = f"version-{version}"
        yield refused(
            slug,
            "R5",
            "unsupported_version",
            f"A first byte of {version}.",
            replace(draft(HS, slug), version=version),
        )
    yield refused(
        "version-2-ed25519",
        "R5",
        "unsupported_version",
        "The same with Ed25519.",
        replace(draft(ED, "version-2-ed25519"), version=2),
    )


def _lengths() -> Iterator[Case]:
    empty = replace(draft(HS, "payload-37-bytes"), plaintext=b"")
    yield refused(
        "payload-37-bytes",
        "R5",
        "malformed",
        "A payload of 37 bytes, which opens but holds nothing.",
        empty,
    )
    for length in (1, 9, 21, 36):
        slug = f"payload-{length}-bytes"
        made = draft(HS, slug)
        yield refused(
            slug,
            "R5",
            "malformed",
            f"A signed payload of {length} bytes.",
            replace(made, payload=made.the_payload()[:length]),
        )
    yield refused(
        "payload-38-bytes",
        "R5",
        "bad_claims",
        "The shortest payload, 38 bytes; its one byte of claims is an empty array.",
        replace(draft(HS, "payload-38-bytes"), plaintext=b"\x90"),
    )


def _sealed(slug: str, comment: str, made: Draft, reading: Reading | None = None) -> Case:
    return refused(slug, "R6", "decrypt_failed", comment, made, reading)


def _encryption() -> Iterator[Case]:
    for key in KEYS:
        slug = f"gcm-tag-{key.alg.lower()}"
        made = draft(key, slug)
        yield _sealed(
            slug,
            "One bit of the tag is turned and the token signed anew.",
            replace(made, payload=flip(made.the_payload(), -1)),
        )
    for part, comment, index in (
        ("salt", "salt", 1),
        ("nonce", "nonce", 9),
        ("ciphertext", "ciphertext", 21),
    ):
        slug = f"gcm-{part}"
        made = draft(HS, slug)
        yield _sealed(
            slug,
            f"One bit of the {comment} is turned and the token signed anew.",
            replace(made, payload=flip(made.the_payload(), index)),
        )
    cut = draft(HS, "gcm-cut")
    yield _sealed(
        "gcm-cut",
        "The payload lacks its last byte and is signed anew.",
        replace(cut, payload=cut.the_payload()[:-1]),
    )
    grown = draft(HS, "gcm-grown")
    yield _sealed(
        "gcm-grown",
        "A byte follows the tag and the token is signed anew.",
        replace(grown, payload=grown.the_payload() + b"\x00"),
    )
    plain = draft(HS, "gcm-none")
    yield _sealed(
        "gcm-none",
        "The claims stand there unencrypted.",
        replace(plain, payload=b"\x01" + bytes(20) + plain.plaintext + bytes(16)),
    )
    yield from _encryption_keys()
    yield from _bound_data()


def _encryption_keys() -> Iterator[Case]:
    for slug, comment, enc_key in (
        ("enc-key-other-salt", "Derived with another salt.",
         derive_enc_key(HS.secret, "session", bytes(8))),
        ("enc-key-no-context", "Derived without a context.",
         hkdf(HS.secret, b"tokensession/v1/enc\x00" + seeded("salt/enc-key-no-context", 8))),
        ("enc-key-no-salt", "Derived without the salt.",
         hkdf(HS.secret, b"tokensession/v1/enc\x00session")),
        ("enc-key-master-secret", "The master secret itself.", HS.secret),
    ):  # fmt: skip
        yield _sealed(
            slug,
            f"The encryption key is wrong: {comment}",
            replace(draft(HS, slug), enc_key=enc_key),
        )
    asymmetric: list[Key] = [ED, ES]
    for key in asymmetric:
        slug = f"other-context-{key.alg.lower()}"
        yield _sealed(
            slug,
            "A token of another context: its signature verifies all the same.",
            replace(draft(key, slug), context="csrf"),
        )


def _bound_data() -> Iterator[Case]:
    for slug, comment, aad in (
        ("aad-empty", "Nothing is bound.", b""),
        ("aad-json", "The header's JSON is bound, not its segment.",
         header_text(HS.alg, HS.kid).encode()),
        ("aad-dot", "The dot after the header is bound as well.",
         draft(HS, "").the_header().encode() + b"."),
        ("aad-context", "The context is bound instead of the header.", b"session"),
    ):  # fmt: skip
        yield _sealed(slug, comment, replace(draft(HS, slug), aad=aad))
    slug = "aad-of-another-minter"
    taken = draft(ED, slug).the_payload()
    yield _sealed(
        slug,
        "A payload taken from ed-1 and signed by ed-2, which has its secret too.",
        replace(draft(ED_TWIN, slug), payload=taken),
        Reading(ring="twin"),
    )


def _claims() -> Iterator[Case]:
    whole = Claims().pack()
    wrong: list[tuple[str, str, dict[int, Value]]] = [
        ("sid-short", "A sid of 15 bytes.", {SID_AT: Claims().sid[:15]}),
        ("iat-float", "An iat that is a float.", {IAT_AT: float(IAT)}),
        ("ttl-zero", "A ttl of 0.", {TTL_AT: 0}),
        ("age-above-iat", "An age that would begin the session before 1970.", {AGE_AT: IAT + 1}),
        ("sub-true", "A subject of true.", {SUB_AT: True}),
        ("state-0xc1", "0xc1 in the state.", {STATE_AT: msgpack.Raw(b"\x81\xa1a\xc1")}),
        ("state-claims-2-to-the-32", "A state that counts 2^32-1 elements.",
         {STATE_AT: msgpack.array([1], 32, claimed=MAX_UINT32)}),
    ]  # fmt: skip
    for part, comment, forms in wrong:
        slug = f"claims-{part}"
        yield refused(
            slug,
            "R7",
            "bad_claims",
            comment,
            replace(draft(HS, slug), plaintext=Claims().pack(forms)),
        )
    capped = Claims(cap=1)
    plaintexts: list[tuple[str, str, bytes]] = [
        ("cap-zero", "A cap of 0.", capped.pack({CAP_AT: 0})),
        ("five", "Five elements.", msgpack.array(Claims().elements()[:5]).data),
        ("trailing", "A byte after the claims.", whole + b"\x00"),
        ("cut", "The claims lack their last byte.", whole[:-1]),
        ("map", "A map.", msgpack.pack({"sid": Claims().sid})),
        ("json", "JSON instead of msgpack.", b'{"user_id":1}'),
        ("text", "A text instead of msgpack.", b"hello, world"),
        ("open-arrays", "As many arrays opened as a token can hold.", b"\x91" * 6000),
    ]
    for part, comment, plaintext in plaintexts:
        slug = f"claims-{part}"
        yield refused(
            slug, "R7", "bad_claims", comment, replace(draft(HS, slug), plaintext=plaintext)
        )
