"""Key documents that load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .key_cases import (
    ED,
    ED_KID,
    ES,
    ES_KID,
    HS,
    HS_2,
    HS_KID,
    REVOKED,
    enc,
    hs,
    loads,
    one,
    pair,
    sig,
    without,
)
from .material import WORKED, document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case


def accepted() -> Iterator[Case]:
    """Give the documents that load."""
    yield loads("hs256", "K10", "One HS256 key.", document(HS.jwks()), [HS_KID])
    yield loads(
        "worked",
        "K5",
        "The worked value's secret, where it comes from no file.",
        document(WORKED.jwks()),
        [("k1", "HS256", True)],
    )
    yield loads(
        "mixed",
        "K10",
        "A key of each algorithm, in any order.",
        document([enc(ES), sig(ED), *HS_2.jwks(), enc(ED), *HS.jwks(), sig(ES)]),
        [HS_KID, ("hs-64", "HS256", True), ED_KID, ES_KID],
    )
    yield loads(
        "reader",
        "K10",
        "Keys without d: a reader ring.",
        document(ED.jwks(private=False), ES.jwks(private=False)),
        [("ed-1", "Ed25519", False), ("es-1", "ES256", False)],
    )
    yield loads(
        "half-reader",
        "K10",
        "One key mints, the other only verifies.",
        document(ED.jwks(private=False), ES.jwks()),
        [("ed-1", "Ed25519", False), ES_KID],
    )
    yield loads(
        "kid-32",
        "K2",
        "A kid of 32 characters.",
        one(hs(kid="-_" * 16)),
        [("-_" * 16, "HS256", True)],
    )
    dated = hs(nbf=1785000000, exp=1785000001)
    yield loads("dates", "K7", "An exp one second after nbf.", one(dated), [HS_KID])
    yield loads("exp-one", "K7", "An exp of 1, as a missing nbf is 0.", one(hs(exp=1)), [HS_KID])
    yield loads("no-serial", "K1", "A missing serial reads as 0.", {"keys": [hs()]}, [HS_KID])
    rotation: Json = {
        "period": 7776000,
        "propagation": 900,
        "token_lifetime": 43200,
        "algorithm": "HS256",
    }
    yield loads(
        "unknown-members",
        "K1",
        "Unknown members, and the rotation config.",
        {
            "keys": [hs(x5t="abc", note={"by": "ops"})],
            "serial": 0,
            "rotation": rotation,
            "owner": ["ops"],
        },
        [HS_KID],
    )
    yield loads(
        "without-use",
        "K8",
        "use may be missing.",
        pair(without(sig(ED), "use"), without(enc(ED), "use")),
        [ED_KID],
    )
    yield loads(
        "key-ops",
        "K8",
        "key_ops that agree.",
        document(
            [
                hs(use="sig", key_ops=["sign", "verify"]),
                sig(ED, key_ops=["sign", "verify"]),
                enc(ED, key_ops=["encrypt", "decrypt"]),
            ]
        ),
        [HS_KID, ED_KID],
    )
    yield loads(
        "key-ops-reader",
        "K8",
        "key_ops of a key without d.",
        pair(sig(ED, private=False, key_ops=["verify"]), enc(ED, key_ops=["decrypt"])),
        [("ed-1", "Ed25519", False)],
    )
    yield loads(
        "key-ops-least",
        "K8",
        "A private key need not be said to verify.",
        pair(sig(ED, key_ops=["sign"]), enc(ED, key_ops=["decrypt", "encrypt"])),
        [ED_KID],
    )
    yield loads(
        "token-lifetime-null",
        "K1",
        "A token_lifetime that is null says nothing.",
        {"keys": [hs()], "serial": 0, "rotation": {"token_lifetime": None}},
        [HS_KID],
    )
    yield loads(
        "rotation-null",
        "K1",
        "A rotation that is null says nothing.",
        {"keys": [hs()], "rotation": None},
        [HS_KID],
    )
    yield loads(
        "revoked-with-material",
        "K7",
        "A revoked key whose material is still there.",
        document([hs(**REVOKED), *HS_2.jwks()]),
        [HS_KID, ("hs-64", "HS256", True)],
    )
    bare = without(sig(ED), "x", "d")
    yield loads(
        "revoked-bare",
        "K7",
        "Revoked keys without material or A256GCM JWK.",
        document([without(hs(**REVOKED), "k"), bare | REVOKED, *HS_2.jwks()]),
        [("hs-1", "HS256", False), ("ed-1", "Ed25519", False), ("hs-64", "HS256", True)],
    )
    yield loads(
        "revoked-public-half",
        "K7",
        "A revoked key with x and nothing else.",
        document([sig(ED, private=False) | REVOKED, *HS_2.jwks()]),
        [("ed-1", "Ed25519", False), ("hs-64", "HS256", True)],
    )
