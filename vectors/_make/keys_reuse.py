"""Material that is used twice, changed under a running ring, or published."""

from __future__ import annotations

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
from .material import WORKED, Ed25519Key, HS256Key, b64u, document, enc_jwk, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case


def reuse() -> Iterator[Case]:
    """Give documents that repeat, change or publish material."""
    same = HS256Key("hs-2", HS.secret)
    yield refuses(
        "same-k-hs256", "K9", "One secret under two HS256 kids.", document(HS.jwks(), same.jwks())
    )
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
    for slug, comment, content in (
        ("worked", "The worked value's secret.", document(WORKED.jwks())),
        ("hs256", "An HS256 secret of tokens.json.", document(HS.jwks())),
        ("encryption", "An A256GCM secret of tokens.json.", document(ED.jwks())),
        ("beside-another", "Such a secret beside one that is not known.",
         document([hs(kid="fresh", k=b64u(seeded("secret/unlisted")))], HS.jwks())),
    ):  # fmt: skip
        yield refuses(f"from-file-{slug}", "K5", comment, content, from_file=True)
