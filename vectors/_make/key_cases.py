"""What the cases of keys.json are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .material import Jwk, Key, b64u, document, ed25519_key, enc_jwk, es256, hs256, seeded

if TYPE_CHECKING:
    from .msgpack import Json
    from .vectorfile import Case

HS, HS_2 = hs256("hs-1"), hs256("hs-64", 64)
ED, ED_2 = ed25519_key("ed-1"), ed25519_key("ed-2")
ES = es256("es-1")
HS_KID = ("hs-1", "HS256", True)
ED_KID = ("ed-1", "Ed25519", True)
ES_KID = ("es-1", "ES256", True)
REVOKED: Jwk = {"revoked": {"revoked_at": 1785000000, "reason": "laptop lost"}}


def loads(
    slug: str,
    rule: str,
    comment: str,
    content: dict[str, Json],
    kids: list[tuple[str, str, bool]],
    running: dict[str, Json] | None = None,
) -> Case:
    """Give a case of a document that loads, with the kid, algorithm and can_mint of each key."""
    told: Json = [{"kid": kid, "algorithm": alg, "can_mint": mint} for kid, alg, mint in kids]
    case: Case = {"id": f"keys/{slug}", "rule": rule, "comment": comment, "document": content}
    if running is not None:
        case["running"] = running
    return {**case, "expect": "ok", "kids": told}


def refuses(
    slug: str,
    rule: str,
    comment: str,
    content: dict[str, Json] | str | bytes,
    *,
    from_file: bool = False,
    running: dict[str, Json] | None = None,
) -> Case:
    """Give a case of a document, its text or its bytes, that is refused."""
    case: Case = {"id": f"keys/{slug}", "rule": rule, "comment": comment}
    if isinstance(content, bytes):
        case["bytes"] = content.hex()
    else:
        case["text" if isinstance(content, str) else "document"] = content
    if from_file:
        case["from_file"] = True
    if running is not None:
        case["running"] = running
    return {**case, "expect": "config_error"}


def hs(**changes: Json) -> Jwk:
    """Give the JWK of an HS256 key with other or further members."""
    return HS.jwks()[0] | changes


def sig(key: Key, *, private: bool = True, **changes: Json) -> Jwk:
    """Give the signature JWK of an asymmetric key with other or further members."""
    return key.jwks(private=private)[0] | changes


def enc(key: Key, **changes: Json) -> Jwk:
    """Give the A256GCM JWK of an asymmetric key with other or further members."""
    return enc_jwk(key.kid, key.secret) | changes


def without(jwk: Jwk, *members: str) -> Jwk:
    """Give a JWK that lacks some members."""
    return {name: value for name, value in jwk.items() if name not in members}


def one(jwk: Jwk) -> dict[str, Json]:
    """Give the document of one JWK."""
    return document([jwk])


def pair(signature: Jwk, encryption: Jwk | None = None) -> dict[str, Json]:
    """Give the document of a signature JWK and an A256GCM one, made from its kid by default."""
    if encryption is None:
        encryption = enc_jwk(str(signature["kid"]), seeded("encryption/ed-1"))
    return document([signature, encryption])


def with_k(secret: bytes) -> dict[str, Json]:
    """Give the document of an HS256 key with that secret."""
    return one(hs(k=b64u(secret)))


def few(distinct: int, length: int = 32) -> bytes:
    """Give a secret with that many distinct byte values."""
    return bytes(index % distinct + 1 for index in range(length))
