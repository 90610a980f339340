"""JWKs that make no key together, and algorithms that the format does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .key_cases import ED, ED_2, ES, REVOKED, enc, hs, one, pair, refuses, sig, without
from .material import b64u, document, hs256, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def pairs() -> Iterator[Case]:
    """Give JWKs of one kid that make no key."""
    other = hs256("hs-64").secret
    for slug, comment, jwks in (
        ("signature-alone", "An Ed25519 JWK without its A256GCM one.", [sig(ED)]),
        ("signature-alone-es256", "An ES256 JWK without its A256GCM one.", [sig(ES)]),
        ("signature-alone-public", "The public half alone.", [sig(ED, private=False)]),
        ("encryption-alone", "An A256GCM JWK alone.", [enc(ED)]),
        ("encryption-of-another-kid", "The A256GCM JWK has another kid.",
         [sig(ED), enc(ED, kid="ed-9")]),
        ("two-hs256", "Two HS256 JWKs of one kid.", [hs(), hs(k=b64u(other))]),
        ("twice", "The same JWK twice.", [hs(), hs()]),
        ("hs256-and-encryption", "An HS256 and an A256GCM JWK of one kid.",
         [hs(), enc(ED, kid="hs-1")]),
        ("hs256-and-ed25519", "An HS256 and an Ed25519 pair of one kid.",
         [hs(kid="ed-1"), sig(ED), enc(ED)]),
        ("two-encryptions", "Two A256GCM JWKs of one kid.",
         [sig(ED), enc(ED), enc(ED, k=b64u(other))]),
        ("two-signatures", "Two Ed25519 JWKs of one kid.", [sig(ED), sig(ED_2, kid="ed-1"),
                                                           enc(ED)]),
        ("two-algorithms", "An Ed25519 and an ES256 JWK of one kid.",
         [sig(ED), sig(ES, kid="ed-1"), enc(ED)]),
        ("revoked-and-live", "A kid revoked in one JWK and live in another.",
         [without(hs(**REVOKED), "k"), hs()]),
    ):  # fmt: skip
        yield refuses(f"pair-{slug}", "K3", comment, document(jwks))


def algorithms() -> Iterator[Case]:
    """Give other algorithms, types and curves."""
    for slug, alg in (
        ("hs512", "HS512"),
        ("rs256", "RS256"),
        ("none", "none"),
        ("lower-case", "hs256"),
        ("empty", ""),
        ("dir", "dir"),
    ):
        yield refuses(f"alg-{slug}", "K4", f"The alg {alg or 'is empty'}.", one(hs(alg=alg)))
    for slug, comment, content in (
        ("number", "An alg that is a number.", one(hs(alg=256))),
        ("missing", "No alg.", one(without(hs(), "alg"))),
        ("eddsa", "The older name EdDSA.", pair(sig(ED, alg="EdDSA"), enc(ED))),
        ("ed448", "Ed448.", pair(sig(ED, alg="Ed448", crv="Ed448",
                                     x=b64u(seeded("ed448", 57))), enc(ED))),
        ("missing-ed25519", "No alg on an Ed25519 JWK.", pair(without(sig(ED), "alg"), enc(ED))),
        ("a128gcm", "A128GCM beside an Ed25519 JWK.",
         pair(sig(ED), enc(ED, alg="A128GCM", k=b64u(seeded("a128gcm", 16))))),
        ("unknown-beside-known", "One unknown alg refuses the whole document.",
         document([hs(), {"kty": "AKP", "kid": "pq-1", "alg": "ML-DSA-44", "pub": "AAAA"}])),
        ("kty-missing", "No kty.", one(without(hs(), "kty"))),
        ("kty-of-hs256", "HS256 of kty OKP.", one(hs(kty="OKP"))),
        ("kty-of-ed25519", "Ed25519 of kty EC.", pair(sig(ED, kty="EC"), enc(ED))),
        ("kty-of-es256", "ES256 of kty OKP.", pair(sig(ES, kty="OKP"), enc(ES))),
        ("kty-of-a256gcm", "A256GCM of kty OKP.", pair(sig(ED), enc(ED, kty="OKP"))),
        ("crv-x25519", "Ed25519 on the curve X25519.", pair(sig(ED, crv="X25519"), enc(ED))),
        ("crv-missing", "Ed25519 without a curve.", pair(without(sig(ED), "crv"), enc(ED))),
        ("crv-p384", "ES256 on the curve P-384.", pair(sig(ES, crv="P-384"), enc(ES))),
        ("crv-secp256k1", "ES256 on the curve secp256k1.",
         pair(sig(ES, crv="secp256k1"), enc(ES))),
    ):  # fmt: skip
        yield refuses(f"alg-{slug}", "K4", comment, content)
