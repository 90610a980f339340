"""Material that is used twice, changed under a running ring, or published."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .key_cases import (
    ED,
    ED_KID,
    ES,
    ES_KID,
    HS,
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
from .material import (
    P256_ORDER,
    WORKED,
    Ed25519Key,
    ES256Key,
    HS256Key,
    b64u,
    document,
    ed25519_key,
    enc_jwk,
    seeded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .material import Jwk
    from .msgpack import Json
    from .vectorfile import Case

ED_TWIN = ed25519_key("ed-2")


def reuse() -> Iterator[Case]:
    """Give documents that repeat, change or publish material."""
    same = HS256Key("hs-2", HS.secret)
    yield refuses(
        "same-k-hs256", "K9", "One secret under two HS256 kids.", document(HS.jwks(), same.jwks())
    )
    yield refuses(
        "same-k-encryption",
        "K9",
        "Two Ed25519 kids with one encryption secret.",
        document(ED.jwks(), ED_TWIN.jwks()),
    )
    yield from _halves()
    yield from _revoked_material()
    yield from _tombstones()
    yield refuses(
        "same-k-hs256-and-encryption",
        "K9",
        "One secret under an HS256 kid and as another's A256GCM secret.",
        document(HS.jwks(), [sig(ED), enc_jwk("ed-1", HS.secret)]),
    )
    running = document(HS.jwks(), ED.jwks(), serial=1)
    another = seeded("secret/another hs-1")
    other_x = Ed25519Key("ed-1", seeded("seed/another ed-1"), ED.secret)
    for slug, comment, groups in (
        ("k", "The HS256 secret of a kid changed.", [[hs(k=b64u(another))], ED.jwks()]),
        ("encryption-k", "The A256GCM secret of a kid changed.",
         [HS.jwks(), [sig(ED), enc_jwk("ed-1", another)]]),
        ("x", "The Ed25519 key of a kid changed.", [HS.jwks(), other_x.jwks()]),
        ("alg", "A kid went from Ed25519 to HS256.",
         [HS.jwks(), [hs(kid="ed-1", k=b64u(few(31)))]]),
    ):  # fmt: skip
        yield refuses(
            f"changed-{slug}", "K9", comment, document(*groups, serial=2), running=running
        )
    older: list[tuple[str, str, dict[str, Json]]] = [
        ("older-serial", "A serial below that of the running ring.",
         document(HS.jwks(), ED.jwks(), serial=0)),
        ("no-serial-after-one", "No serial, which reads as 0, where the running ring has 1.",
         {"keys": [hs()]}),
    ]  # fmt: skip
    for slug, comment, changed in older:
        yield refuses(slug, "K9", comment, changed, running=running)
    yield refuses(
        "revocation-undone",
        "K9",
        "A revoked kid comes back without revoked.",
        document(HS.jwks(), ED.jwks(), serial=2),
        running=document([hs(**REVOKED)], ED.jwks(), serial=1),
    )
    bare = without(sig(ED), "x", "d") | REVOKED
    yield loads(
        "changed-to-revoked",
        "K9",
        "A running key's revocation, its material gone.",
        document(HS.jwks(), [bare], serial=2),
        [HS_KID, ("ed-1", "Ed25519", False)],
        running,
    )
    yield loads(
        "changed-dates",
        "K9",
        "Dates may change, keys may come and go.",
        document([hs(exp=1785000000)], ES.jwks(), serial=2),
        [HS_KID, ES_KID],
        running,
    )
    yield loads(
        "changed-unknown-member",
        "K9",
        "A member that the key's type does not have is none of its material.",
        document([sig(ED, y="b"), enc(ED)], serial=2),
        [ED_KID],
        document([sig(ED, y="a"), enc(ED)], serial=1),
    )
    yield refuses(
        "revoked-kid-dropped",
        "K9",
        "The running ring lists a revoked kid, which the document does not.",
        document(ED.jwks(), serial=2),
        running=document([hs(**REVOKED)], ED.jwks(), serial=1),
    )
    for slug, comment, content in (
        ("worked", "The worked value's secret.", document(WORKED.jwks())),
        ("hs256", "An HS256 secret of tokens.json.", document(HS.jwks())),
        ("encryption", "An A256GCM secret of tokens.json.",
         document([sig(ED, private=False), enc(ED)])),
        ("d", "A d of tokens.json, under an A256GCM secret that is not known.",
         document([sig(ED), enc(ED, k=b64u(seeded("encryption/unlisted")))])),
        ("beside-another", "Such a secret beside one that is not known.",
         document([hs(kid="fresh", k=b64u(seeded("secret/unlisted")))], HS.jwks())),
    ):  # fmt: skip
        yield refuses(f"from-file-{slug}", "K5", comment, content, from_file=True)


def _halves() -> Iterator[Case]:
    """Give secrets that hold half of a key, which readers and JWK Sets may show."""
    x, y = ES.coordinates
    d = ES.scalar.to_bytes(32, "big")
    for name, half in (("d", d), ("x", x), ("y", y)):
        yield refuses(
            f"k-is-own-{name}",
            "K9",
            f"An A256GCM secret that is the {name} of its own key.",
            document([sig(ES), enc(ES, k=b64u(half))]),
        )
        yield refuses(
            f"k-is-{name}-of-another",
            "K9",
            f"An HS256 secret that is the {name} of another key.",
            document([hs(k=b64u(half))], ES.jwks()),
        )
    yield refuses(
        "k-is-d-of-ed25519",
        "K9",
        "An A256GCM secret that is the d of its own Ed25519 key.",
        document([sig(ED), enc(ED, k=b64u(ED.seed))]),
    )
    for slug, comment, secret in (
        ("x-and-y", "An HS256 secret of 64 bytes, x before y of another key.", x + y),
        ("seed-and-x", "The 64 bytes that some libraries take for a private Ed25519 key.",
         ED.seed + ED.public),
        ("x-inside", "An HS256 secret of 64 bytes with an x inside.",
         seeded("before", 16) + ED.public + seeded("after", 16)),
    ):  # fmt: skip
        others = (ES if slug == "x-and-y" else ED).jwks()
        yield refuses(f"k-holds-{slug}", "K9", comment, document([hs(k=b64u(secret))], others))


def digest(material: bytes) -> Json:
    """Give the digest that a tombstone keeps of material."""
    return b64u(hashlib.sha256(material).digest())


def tombstone(kid: str, **members: Json) -> Jwk:
    """Give what is left of a revoked key."""
    return {"kty": "oct", "kid": kid, "alg": "HS256", "revoked": {"revoked_at": 5, **members}}


def _revoked_material() -> Iterator[Case]:
    """Give documents in which what a revoked key used comes back under another kid."""
    again = Ed25519Key("ed-9", ED.seed, seeded("encryption/ed-9"))
    point = ES256Key("es-9", ES.scalar, seeded("encryption/es-9"))
    mirrored = ES256Key("es-9", P256_ORDER - ES.scalar, seeded("encryption/es-9"))
    secret = HS256Key("hs-9", HS.secret)
    sealed = Ed25519Key("ed-9", seeded("seed/ed-9"), ED.secret)
    x = ES.coordinates[0]
    for slug, comment, new, old, used in (
        ("ed25519", "Ed25519's", again, [sig(ED) | REVOKED, enc(ED)], ED.public),
        ("es256", "ES256's", point, [sig(ES) | REVOKED, enc(ES)], x),
        ("es256-mirrored", "ES256's with the other y of its x", mirrored,
         [sig(ES) | REVOKED, enc(ES)], x),
        ("hs256", "HS256's", secret, [hs(**REVOKED)], HS.secret),
        ("encryption", "The A256GCM secret of Ed25519's", sealed,
         [sig(ED) | REVOKED, enc(ED)], None),
    ):  # fmt: skip
        kid = str(old[0]["kid"])
        what = f"{comment} material under another kid"
        if slug not in ("hs256", "encryption"):
            yield refuses(
                f"revoked-{slug}-again", "K9", f"{what} of the document.",
                document(old, new.jwks(), ES.jwks() if new is again else ED.jwks()),
            )  # fmt: skip
        yield refuses(
            f"revoked-{slug}-again-over-running", "K9", f"{what}, revoked in the running ring.",
            document([tombstone(kid)], new.jwks(), serial=2), running=document(old, serial=1),
        )  # fmt: skip
        if used is None:
            continue
        left = tombstone(kid, used=[digest(used)])
        yield refuses(
            f"revoked-{slug}-used", "K9", f"{what}, by the tombstone's digest.",
            document([left], new.jwks()),
        )  # fmt: skip
        yield refuses(
            f"revoked-{slug}-used-over-running", "K9",
            f"{what}, by the digest of the running ring's tombstone.",
            document([tombstone(kid)], new.jwks(), serial=2), running=document([left], serial=1),
        )  # fmt: skip
    yield refuses(
        "revoked-hs256-used-as-encryption", "K9",
        "HS256's secret as another kid's A256GCM secret, by the tombstone's digest.",
        document([tombstone("gone", used=[digest(HS.secret)])],
                 [sig(ED), enc(ED, k=b64u(HS.secret))]),
    )  # fmt: skip
    several = tombstone("gone", used=[digest(HS.secret), digest(ED.public)])
    yield refuses(
        "revoked-used-second", "K9", "The second of two digests of a tombstone.",
        document([several], ED.jwks()),
    )  # fmt: skip


def _tombstones() -> Iterator[Case]:
    """Give tombstones that load: of any kid, in any ring, over any key."""
    ed_reader = ("ed-1", "Ed25519", False)
    yield loads(
        "tombstone-in-reader-ring", "K9", "A tombstone of a kid that the ring has never held.",
        document(ED.jwks(private=False), [tombstone("lost")]),
        [ed_reader, ("lost", "HS256", False)],
    )  # fmt: skip
    yield loads(
        "tombstone-over-ed25519", "K9", "A tombstone has no alg to compare.",
        document([tombstone("ed-1")], HS.jwks(), serial=2),
        [("ed-1", "HS256", False), HS_KID], document(ED.jwks(), HS.jwks(), serial=1),
    )  # fmt: skip
    yield loads(
        "tombstone-over-tombstone", "K9", "The running ring's tombstone has no alg to compare.",
        document([sig(ED, private=False) | REVOKED, enc(ED)], HS.jwks(), serial=2),
        [ed_reader, HS_KID], document([tombstone("ed-1")], HS.jwks(), serial=1),
    )  # fmt: skip
    for slug, used in (("null", None), ("text", digest(HS.secret)), ("numbers", [1, None])):
        yield loads(
            f"tombstone-used-{slug}", "K9", "used that is no list of digests says nothing.",
            document([tombstone("lost", used=used)], HS.jwks()),
            [("lost", "HS256", False), HS_KID],
        )  # fmt: skip
    yield loads(
        "tombstone-used-own", "K9", "A revoked key may hold what its own digests name.",
        document([hs(revoked={"revoked_at": 5, "used": [digest(HS.secret)]})], ED.jwks()),
        [HS_KID, ED_KID],
    )  # fmt: skip
    yield loads(
        "tombstone-used-other", "K9", "Digests of material that no key of the ring holds.",
        document([tombstone("lost", used=[digest(seeded("lost"))])], HS.jwks(), ED.jwks()),
        [("lost", "HS256", False), HS_KID, ED_KID],
    )  # fmt: skip
