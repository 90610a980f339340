"""The cases of keys.json about dates, use and key_ops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .key_cases import ED, ES, REVOKED, enc, hs, one, pair, refuses, sig
from .material import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case


def dates() -> Iterator[Case]:
    """Give the cases of K7, and of such members where they do not belong."""
    now = 1785000000
    values: list[tuple[str, str, Json]] = [
        ("string", "a string", str(now)),
        ("fraction", "not a whole number", now + 0.5),
        ("true", "true", True),
        ("null", "null", None),
        ("negative", "negative", -1),
        ("list", "a list", [now]),
    ]
    for member in ("nbf", "exp"):
        for slug, told, value in values:
            yield refuses(
                f"{member}-{slug}", "K7", f"{member} is {told}.", one(hs(**{member: value}))
            )
    yield refuses("nbf-is-exp", "K7", "nbf and exp are the same second.", one(hs(nbf=now, exp=now)))
    yield refuses("nbf-after-exp", "K7", "nbf is after exp.", one(hs(nbf=now + 1, exp=now)))
    yield refuses("exp-zero", "K7", "exp is 0 and nbf, which is missing, too.", one(hs(exp=0)))
    infinite = json.dumps(document([hs(exp=12345)])).replace("12345", "1e400")
    yield refuses("exp-infinite", "K7", "exp is a number beyond all floats.", infinite)
    nan = json.dumps(document([hs(exp=12345)])).replace("12345", "NaN")
    yield refuses("exp-nan", "K7", "exp is NaN, which JSON does not have.", nan)
    for slug, told, number in (
        ("point", "has a fraction of 0", f"{now}.0"),
        ("exponent", "has an exponent", "1785e6"),
    ):
        text = json.dumps(document([hs(exp=12345)])).replace("12345", number)
        yield refuses(f"exp-{slug}", "K7", f"exp {told}: an integer is written plainly.", text)
    members: list[tuple[str, Json]] = [
        ("nbf", now), ("exp", now), ("revoked", REVOKED["revoked"]), ("revoked", None),
    ]  # fmt: skip
    for member, value in members:
        slug = f"encryption-{member}{'-null' if value is None else ''}"
        yield refuses(
            slug,
            "K8",
            f"{member} stands on the A256GCM JWK.",
            pair(sig(ED), enc(ED, **{member: value})),
        )


def uses() -> Iterator[Case]:
    """Give the cases of use and key_ops."""
    for slug, comment, content in (
        ("use-hs256", "use enc on an HS256 JWK.", one(hs(use="enc"))),
        ("use-ed25519", "use enc on an Ed25519 JWK.", pair(sig(ED, use="enc"), enc(ED))),
        ("use-es256", "use enc on an ES256 JWK.", pair(sig(ES, use="enc"), enc(ES))),
        ("use-encryption", "use sig on an A256GCM JWK.", pair(sig(ED), enc(ED, use="sig"))),
        ("key-ops-hs256", "key_ops encrypt on an HS256 JWK.",
         one(hs(key_ops=["encrypt", "decrypt"]))),
        ("key-ops-ed25519", "key_ops deriveKey on an Ed25519 JWK.",
         pair(sig(ED, key_ops=["deriveKey"]), enc(ED))),
        ("key-ops-encryption", "key_ops sign on an A256GCM JWK.",
         pair(sig(ED), enc(ED, key_ops=["sign", "verify"]))),
        ("key-ops-hs256-verify", "An HS256 key that may not sign.", one(hs(key_ops=["verify"]))),
        ("key-ops-d-verify", "A private key that may not sign.",
         pair(sig(ED, key_ops=["verify"]), enc(ED))),
        ("key-ops-without-d-sign", "A key without d that may not verify.",
         pair(sig(ED, private=False, key_ops=["sign"]), enc(ED))),
        ("key-ops-without-d-encrypt", "A reader that may not decrypt.",
         pair(sig(ED, private=False), enc(ED, key_ops=["encrypt"]))),
        ("key-ops-encrypt-alone", "A key that encrypts but may not decrypt.",
         pair(sig(ED), enc(ED, key_ops=["encrypt"]))),
        ("key-ops-decrypt-alone", "A minter that may not encrypt.",
         pair(sig(ED), enc(ED, key_ops=["decrypt"]))),
        ("key-ops-twice", "An operation named twice.", one(hs(key_ops=["sign", "verify", "sign"]))),
        ("key-ops-more", "An operation of another purpose beside the right ones.",
         one(hs(key_ops=["sign", "verify", "encrypt"]))),
        ("key-ops-empty", "No operation at all.", one(hs(key_ops=[]))),
        ("key-ops-null", "null is no list.", one(hs(key_ops=None))),
        ("key-ops-string", "A string is no list.", one(hs(key_ops="sign"))),
        ("use-null", "null is not a missing use.", one(hs(use=None))),
        ("k-on-signature", "A k on the Ed25519 JWK.",
         pair(sig(ED, k=enc(ED)["k"]), enc(ED))),
    ):  # fmt: skip
        yield refuses(slug, "K8", comment, content)
