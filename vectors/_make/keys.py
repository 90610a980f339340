"""keys.json: key documents that load and that are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .key_cases import (
    ED,
    ED_2,
    ES,
    HS,
    HS_2,
    REVOKED,
    enc,
    few,
    hs,
    loads,
    one,
    pair,
    refuses,
    sig,
    without,
)
from .keys_material import halves, secrets
from .keys_members import dates, uses
from .material import WORKED, Ed25519Key, HS256Key, b64u, document, enc_jwk, hs256, seeded
from .rings import rings
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json

HS_KID = ("hs-1", "HS256", True)
ED_KID = ("ed-1", "Ed25519", True)
ES_KID = ("es-1", "ES256", True)


def keys() -> dict[str, Json]:
    """Give the content of keys.json."""
    cases = [
        *_loads(),
        *_shapes(),
        *_kids(),
        *_pairs(),
        *_algorithms(),
        *secrets(),
        *halves(),
        *dates(),
        *uses(),
        *_reuse(),
    ]
    comment = (
        "Key documents; well_known lists the secrets of tokens.json, which are refused where a"
        " document comes from a file, the environment or a shared store (from_file)."
    )
    return vector_file("keys", comment, cases, {"well_known": _well_known()})


def _well_known() -> list[str]:
    found = {
        str(jwk["k"])
        for ring in rings().values()
        if isinstance(ring, dict)
        for jwk in ring["keys"]
        if "k" in jwk
    }
    return sorted(found)


def _loads() -> Iterator[Case]:
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
    yield loads(
        "shared-encryption-secret",
        "K9",
        "Two Ed25519 keys with one encryption secret.",
        document(ED.jwks(), ED_2.jwks()),
        [ED_KID, ("ed-2", "Ed25519", True)],
    )


def _shapes() -> Iterator[Case]:
    whole: Json = [hs()]
    contents: list[tuple[str, str, dict[str, Json]]] = [
        ("empty-object", "No members at all.", {}),
        ("no-keys", "A serial and no keys.", {"serial": 1}),
        ("keys-empty", "An empty list of keys.", {"keys": []}),
        ("keys-map", "A map where a list belongs.", {"keys": {"hs-1": hs()}}),
        ("keys-one-jwk", "A JWK where a list belongs.", {"keys": hs()}),
        (
            "keys-string",
            "A string where a list belongs: its characters are no keys.",
            {"keys": str(hs()["k"])},
        ),
        ("keys-null", "null where a list belongs.", {"keys": None}),
        ("keys-number", "A number where a list belongs.", {"keys": 1}),
        ("keys-of-strings", "A list of strings.", {"keys": [str(hs()["k"])]}),
        ("keys-with-null", "null beside a JWK.", {"keys": [hs(), None]}),
        ("bare-jwk", "A JWK where a set of them belongs.", hs()),
        ("serial-negative", "A serial below 0.", {"keys": whole, "serial": -1}),
        ("serial-string", "A serial in quotes.", {"keys": whole, "serial": "1"}),
        ("serial-fraction", "A serial with a fraction.", {"keys": whole, "serial": 1.5}),
        ("serial-true", "true is no number.", {"keys": whole, "serial": True}),
        ("serial-null", "null is not a missing serial.", {"keys": whole, "serial": None}),
        ("rotation-string", "A rotation that is no object.", {"keys": whole, "rotation": "90d"}),
        ("rotation-list", "A rotation in a list.", {"keys": whole, "rotation": [{}]}),
        (
            "token-lifetime-zero",
            "A token_lifetime of 0 s.",
            {"keys": whole, "rotation": {"token_lifetime": 0}},
        ),
        (
            "token-lifetime-string",
            "A token_lifetime in quotes.",
            {"keys": whole, "rotation": {"token_lifetime": "3600"}},
        ),
        (
            "token-lifetime-too-great",
            "A token_lifetime of 2^32 s, one too many.",
            {"keys": whole, "rotation": {"token_lifetime": 2**32}},
        ),
    ]
    for slug, comment, content in contents:
        yield refuses(slug, "K1", comment, content)
    text = json.dumps(document(HS.jwks()))
    public = b64u(ED.public)
    for slug, comment, content_ in (
        ("text-empty", "No characters at all.", ""),
        ("text-not-json", "No JSON.", "hs-1 = " + str(hs()["k"])),
        ("text-cut", "JSON without its last character.", text[:-1]),
        ("text-trailing", "Something after the JSON.", text + " {}"),
        ("text-list", "A list of JWKs, not a set.", json.dumps([hs()])),
        ("text-string", "A JSON string.", json.dumps("secret")),
        ("text-null", "null.", "null"),
        ("text-secret", "A secret alone.", str(hs()["k"])),
        ("text-pem", "A PEM block.",
         f"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{public}=\n-----END PUBLIC KEY-----\n"),
        ("text-deep", "5000 brackets opened.", "[" * 5000),
        ("text-serial-point", "An integer has no fraction, not even one of 0.",
         text.replace('"serial": 1', '"serial": 1.0')),
    ):  # fmt: skip
        yield refuses(slug, "K1", comment, content_)


def _kids() -> Iterator[Case]:
    values: list[tuple[str, str, Json]] = [
        ("empty", "An empty kid.", ""),
        ("33-characters", "33 characters, one too many.", "k" * 33),
        ("space", "A space in the kid.", "k 1"),
        ("dot", "A dot in the kid.", "k.1"),
        ("slash", "A slash in the kid.", "k/1"),
        ("quote", "A quotation mark, which would end the header's string.", 'k"1'),
        ("line-feed", "A line feed after the kid.", "k1\n"),
        ("nul", "U+0000 in the kid.", "k\x001"),
        ("letter", "A letter outside ASCII.", "cl\u00e9"),
        ("digit", "A digit outside ASCII.", "k\u0661"),
        ("number", "A number as kid.", 1),
        ("null", "null as kid.", None),
        ("list", "A list as kid.", ["k1"]),
    ]
    for slug, comment, kid in values:
        yield refuses(f"kid-{slug}", "K2", comment, one(hs(kid=kid)))
    yield refuses("kid-missing", "K2", "No kid.", one(without(hs(), "kid")))
    yield refuses(
        "kid-missing-encryption",
        "K2",
        "No kid on the A256GCM JWK.",
        pair(sig(ED), without(enc(ED), "kid")),
    )


def _pairs() -> Iterator[Case]:
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


def _algorithms() -> Iterator[Case]:
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


def _reuse() -> Iterator[Case]:
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
