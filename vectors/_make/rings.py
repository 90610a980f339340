"""The rings that tokens are read with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import IAT
from .material import (
    WORKED,
    WORKED_ED,
    Ed25519Key,
    HS256Key,
    document,
    ed25519_key,
    es256,
    hs256,
    seeded,
)

if TYPE_CHECKING:
    from .msgpack import Json

HS = hs256("hs-1")
HS_64 = hs256("hs-64", 64)
ED = ed25519_key("ed-1")
ED_2 = ed25519_key("ed-2", "ed-2")
ED_TWIN = ed25519_key("ed-2")
"""Another minter, whose tokens are encrypted with the secret of `ED`; in a ring of its own."""
ES = es256("es-1")
LONG = hs256("ABCXYZabcxyz-_0123456789-_thirty")
NEXT = hs256("next")
OLD = hs256("old")
GONE = hs256("gone")
BOTH = hs256("gone-and-old")
LOST = hs256("lost")
STRANGER = HS256Key("nobody", seeded("secret/nobody"))
OTHER_HS = HS256Key(HS.kid, seeded("secret/another hs-1"))
OTHER_ED = Ed25519Key(ED.kid, seeded("seed/another ed-1"), ED.secret)

OLD_ENDS = IAT + 200
NEXT_BEGINS = IAT + 10_000
REVOKED: dict[str, Json] = {"revoked": {"revoked_at": IAT - 50}}


def rings() -> dict[str, Json]:
    """Give the rings by name, as JWK Sets with their secrets."""
    lost: Json = {"kty": "oct", "kid": LOST.kid, "alg": "HS256", **REVOKED}
    return {
        "worked": document(WORKED.jwks()),
        "worked-ed25519": document(WORKED_ED.jwks()),
        "main": {
            "serial": 7,
            "keys": [
                *HS.jwks(), *HS_64.jwks(), *ED.jwks(), *ED_2.jwks(), *ES.jwks(), *LONG.jwks(),
                {**NEXT.jwks()[0], "nbf": NEXT_BEGINS},
                {**OLD.jwks()[0], "exp": OLD_ENDS},
                {**GONE.jwks()[0], **REVOKED},
                {**BOTH.jwks()[0], "exp": IAT + 50, **REVOKED},
                lost,
            ],
        },
        "twin": document(ED_TWIN.jwks()),
        "reader": document(ED.jwks(private=False), ES.jwks(private=False)),
    }  # fmt: skip
