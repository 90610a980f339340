"""Tokens that fail in step 4: signatures that do not verify."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .draft import flip
from .edwards import NEUTRAL, ORDER_8, with_small_r
from .material import (
    ED25519_ORDER,
    P256_ORDER,
    P256_PRIME,
    Key,
    b64u,
    derive_sig_key,
    hkdf,
    hmac_sha256,
)
from .rings import ED, ED_2, ES, HS, HS_64, OTHER_ED, OTHER_HS
from .token_cases import draft, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case

KEYS: list[Key] = [HS, ED, ES]


def signatures() -> Iterator[Case]:
    """Give the cases of R4."""
    yield from _changed()
    yield from _wrong_hmac_keys()
    yield from _wrong_ed25519()
    yield from _wrong_es256()
    yield from _either_ed25519()


def _case(slug: str, comment: str, key: Key, signature: bytes) -> Case:
    slug = f"signature-{slug}"
    return refused(
        slug, "R4", "bad_signature", comment, replace(draft(key, slug), signature=signature)
    )


def _true(slug: str, key: Key) -> bytes:
    return draft(key, f"signature-{slug}").the_signature()


def _changed() -> Iterator[Case]:
    for key in KEYS:
        length = len(draft(key, "").the_signature())
        for place, index in (("first", 0), ("middle", length // 2), ("last", length - 1)):
            slug = f"{key.alg.lower()}-{place}-byte"
            yield _case(
                slug,
                f"One bit of the {place} byte is turned.",
                key,
                flip(_true(slug, key), index, 2),
            )
        slug = f"{key.alg.lower()}-zeros"
        yield _case(slug, "A signature of zeros.", key, bytes(length))
        slug = f"{key.alg.lower()}-of-another-token"
        yield _case(
            slug,
            "The signature of another token of the same key.",
            key,
            draft(key, "another token").the_signature(),
        )
        slug = f"payload-bit-{key.alg.lower()}"
        made = draft(key, slug)
        yield refused(
            slug,
            "R4",
            "bad_signature",
            "One bit of the ciphertext is turned.",
            replace(made, payload=flip(made.the_payload(), 30), signature=made.the_signature()),
        )
    made = draft(HS, "signature-payload-only")
    segment = b64u(made.the_payload()).encode()
    mac = hmac_sha256(derive_sig_key(HS.secret, "session"), segment)
    yield _case("payload-only", "The payload is signed without its header.", HS, mac)
    slug = "signature-header-exchanged"
    yield refused(
        slug,
        "R4",
        "bad_signature",
        "The header of another HS256 key of the ring.",
        replace(
            draft(HS, slug),
            header_segment=draft(HS_64, "").the_header(),
            aad=draft(HS, "").the_header().encode(),
            signature=draft(HS, slug).the_signature(),
        ),
    )


def _wrong_hmac_keys() -> Iterator[Case]:
    slug = "signature-other-context"
    yield refused(
        slug,
        "R4",
        "bad_signature",
        "A token of another context.",
        replace(draft(HS, slug), context="csrf"),
    )
    slug = "signature-other-secret"
    yield refused(
        slug,
        "R4",
        "bad_signature",
        "Another master secret under the same kid.",
        draft(OTHER_HS, slug),
    )
    for slug, comment, key in (
        ("master-secret", "The master secret itself as the HMAC key.", HS.secret),
        ("info-without-context", "A key derived without the context.",
         hkdf(HS.secret, b"tokensession/v1/sig")),
        ("info-without-zero", "A key derived without the zero byte before the context.",
         hkdf(HS.secret, b"tokensession/v1/sigsession")),
        ("enc-key", "The encryption key as the HMAC key.",
         draft(HS, "signature-enc-key").the_enc_key()),
        ("zero-key", "An HMAC key of zeros, which is also the empty one.", bytes(32)),
    ):  # fmt: skip
        signed = draft(HS, f"signature-{slug}").the_signing_input().encode()
        yield _case(slug, comment, HS, hmac_sha256(key, signed))
    signed = draft(HS, "signature-sha512").the_signing_input().encode()
    mac = hmac.HMAC(derive_sig_key(HS.secret, "session"), hashes.SHA512())
    mac.update(signed)
    yield _case("sha512", "HMAC-SHA512, cut to 32 bytes.", HS, mac.finalize()[:32])


def _wrong_ed25519() -> Iterator[Case]:
    slug = "signature-ed25519-other-key"
    yield refused(
        slug,
        "R4",
        "bad_signature",
        "Another Ed25519 key under the same kid.",
        draft(OTHER_ED, slug),
    )
    slug = "ed25519-key-of-the-ring"
    signed = draft(ED, f"signature-{slug}").the_signing_input().encode()
    yield _case(slug, "Signed by another key of the ring.", ED, ED_2.sign(signed, "session"))
    true = _true("ed25519-s-plus-order", ED)
    scalar = int.from_bytes(true[32:], "little") + ED25519_ORDER
    yield _case(
        "ed25519-s-plus-order",
        "S + L in place of S, which RFC 8032 refuses.",
        ED,
        true[:32] + scalar.to_bytes(32, "little"),
    )
    true = _true("ed25519-halves-exchanged", ED)
    yield _case("ed25519-halves-exchanged", "S before R.", ED, true[32:] + true[:32])


def _wrong_es256() -> Iterator[Case]:
    order = P256_ORDER.to_bytes(32, "big")
    zero = bytes(32)
    prime = P256_PRIME.to_bytes(32, "big")
    for slug, comment, new_r, new_s in (
        ("es256-r-zero", "r is zero.", zero, None),
        ("es256-s-zero", "s is zero.", None, zero),
        ("es256-r-order", "r is the group's order.", order, None),
        ("es256-s-order", "s is the group's order.", None, order),
        ("es256-r-prime", "r is the field's prime.", prime, None),
    ):
        true = _true(slug, ES)
        yield _case(slug, comment, ES, (new_r or true[:32]) + (new_s or true[32:]))
    true = _true("es256-exchanged", ES)
    yield _case("es256-exchanged", "s before r.", ES, true[32:] + true[:32])
    true = _true("es256-r-negative", ES)
    opposite = (P256_ORDER - int.from_bytes(true[:32], "big")).to_bytes(32, "big")
    yield _case("es256-r-negative", "n - r in place of r.", ES, opposite + true[32:])
    signed = draft(ES, "signature-es256-sha384").the_signing_input().encode()
    private = ec.derive_private_key(ES.scalar, ec.SECP256R1())
    der = private.sign(signed, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    yield _case(
        "es256-sha384", "ECDSA over SHA-384.", ES, r.to_bytes(32, "big") + s.to_bytes(32, "big")
    )


def _either_ed25519() -> Iterator[Case]:
    """Give signatures that RFC 8032 leaves to verifiers; only the key's holder can make them."""
    for slug, comment, r in (
        ("ed25519-r-neutral", "R is the neutral point, whose order is small.", NEUTRAL),
        ("ed25519-r-order-8", "R has order 8, so that 8 times the equation holds.", ORDER_8),
    ):
        signed = draft(ED, f"signature-{slug}").the_signing_input().encode()
        signature = with_small_r(ED.seed, ED.public, signed, r)
        yield {**_case(slug, comment, ED, signature), "acceptable": ["ok"]}
