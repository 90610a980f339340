"""What a revoked key may lack, and what may follow a running ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .key_cases import (
    ED,
    ED_2,
    ES,
    ES_KID,
    HS,
    HS_2,
    HS_KID,
    REVOKED,
    enc,
    few,
    hs,
    loads,
    refuses,
    sig,
    without,
)
from .material import P256_PRIME, HS256Key, b64u, document, enc_jwk, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .material import Jwk
    from .msgpack import Json
    from .vectorfile import Case

LIVE = HS_2.jwks()
LIVE_KID = ("hs-64", "HS256", True)


def revoked_keys() -> Iterator[Case]:
    """Give the cases of K7 that lack members."""
    bare_ed, bare_es = without(sig(ED), "x", "d"), without(sig(ES), "x", "y", "d")
    taken: list[tuple[str, str, list[Jwk], tuple[str, str, bool]]] = [
        ("d-stays", "x is gone, d is still there and not looked at.",
         [without(sig(ED, d="no d"), "x") | REVOKED], ("ed-1", "Ed25519", False)),
        ("y-stays", "x is gone, y and d are still there and not looked at.",
         [without(sig(ES, y="no y", d=None), "x") | REVOKED], ("es-1", "ES256", False)),
        ("encryption-stays", "The A256GCM JWK is still there, and nothing else.",
         [bare_es | REVOKED, enc(ES)], ("es-1", "ES256", False)),
        ("pair-stays", "All of it is still there.", [sig(ES) | REVOKED, enc(ES)], ES_KID),
        ("key-ops-verify", "Without d, key_ops need verify alone.",
         [{**bare_ed, "key_ops": ["verify"]} | REVOKED], ("ed-1", "Ed25519", False)),
        ("null", "null is a value of revoked as any.",
         [without(hs(revoked=None), "k")], ("hs-1", "HS256", False)),
    ]  # fmt: skip
    for slug, comment, jwks, kid in taken:
        yield loads(f"revoked-{slug}", "K7", comment, document(jwks, LIVE), [kid, LIVE_KID])
    yield loads(
        "revoked-alone", "K7", "No other key is there.", document([hs(**REVOKED)]), [HS_KID]
    )
    refused: list[tuple[str, str, list[Jwk]]] = [
        ("y-gone", "x is there, so y must be.", [without(sig(ES), "y", "d") | REVOKED]),
        ("x-short", "An x that is there must be right.", [sig(ED, x="AA") | REVOKED]),
        ("x-small-order", "The same of its order.",
         [without(sig(ED, x=b64u(b"\x01" + bytes(31))), "d") | REVOKED]),
        ("k-short", "A k that is there must be right.",
         [hs(k=b64u(seeded("short", 31)), **REVOKED)]),
        ("k-zeros", "The same of its bytes.", [hs(k=b64u(bytes(32)), **REVOKED)]),
        ("k-null", "null is not a missing k.", [hs(k=None, **REVOKED)]),
        ("encryption-k-gone", "The A256GCM JWK may be gone, its k alone may not.",
         [bare_ed | REVOKED, without(enc(ED), "k")]),
        ("encryption-k-short", "A k that is there must be right.",
         [bare_ed | REVOKED, enc(ED, k="AA")]),
        ("kty-gone", "kty stays.", [without(hs(**REVOKED), "k", "kty")]),
        ("alg-gone", "alg stays.", [without(hs(**REVOKED), "k", "alg")]),
        ("crv-gone", "crv stays.", [without(bare_ed, "crv") | REVOKED]),
        ("nbf-after-exp", "Dates must be right.", [hs(nbf=200, exp=100, **REVOKED)]),
        ("key-ops", "key_ops must be right.", [{**bare_ed, "key_ops": ["sign"]} | REVOKED]),
    ]  # fmt: skip
    for slug, comment, jwks in refused:
        yield refuses(f"revoked-{slug}", "K7", comment, document(jwks, LIVE))
    same = HS256Key("hs-2", HS.secret)
    yield refuses(
        "same-k-revoked",
        "K9",
        "One secret under two kids, of which one is revoked.",
        document([hs(**REVOKED)], same.jwks()),
    )


def successors() -> Iterator[Case]:
    """Give the cases of K9 about what changes under a running ring."""
    running = document(HS.jwks(), ED.jwks(), ES.jwks(), serial=2)
    x, y = ES.coordinates
    opposite = (P256_PRIME - int.from_bytes(y, "big")).to_bytes(32, "big")
    assert len(x) == len(opposite)
    for slug, comment, jwks in (
        ("alg-same-k", "HS256 where the same k was an A256GCM secret.",
         [hs(kid="ed-1", k=enc(ED)["k"])]),
        ("alg-to-pair", "Ed25519 where the kid was HS256's.",
         [sig(ED, kid="hs-1"), enc_jwk("hs-1", seeded("encryption/hs-1"))]),
        ("alg-of-pair", "ES256 where the kid was Ed25519's, with the same A256GCM secret.",
         [sig(ES, kid="ed-1"), enc(ED)]),
        ("y", "The other point with this x.",
         [without(sig(ES, y=b64u(opposite)), "d"), enc(ES)]),
        ("es256-encryption-k", "The A256GCM secret of an ES256 kid changed.",
         [sig(ES), enc(ES, k=b64u(few(31)))]),
        ("k-of-revoked", "The kid is revoked, with another k.",
         [hs(k=b64u(few(32)), **REVOKED)]),
        ("x-of-revoked", "The kid is revoked, with another x.",
         [sig(ED, private=False, x=b64u(ED_2.public)) | REVOKED]),
        ("encryption-k-of-revoked", "The kid is revoked, its x gone, with another A256GCM secret.",
         [without(sig(ED), "x", "d") | REVOKED, enc(ED, k=b64u(few(31)))]),
    ):  # fmt: skip
        content = document(jwks, LIVE, serial=3)
        yield refuses(f"changed-{slug}", "K9", comment, content, running=running)
    revoked = document([without(hs(**REVOKED), "k")], LIVE, serial=2)
    taken: list[tuple[str, str, list[Jwk], list[tuple[str, str, bool]], dict[str, Json]]] = [
        ("serial-equal", "The serial is the same, and a key has come.",
         [*HS.jwks(), *LIVE], [HS_KID, LIVE_KID], running),
        ("material-after-revocation", "Material that the running ring lacks is compared with none.",
         [hs(**REVOKED), *LIVE], [HS_KID, LIVE_KID], revoked),
    ]  # fmt: skip
    for slug, comment, jwks, kids, before in taken:
        content = document(jwks, serial=2)
        yield loads(f"changed-{slug}", "K9", comment, content, kids, before)
