"""Definitions that several schemas share: tagged JSON, claims, JWKs, the layers of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import MAX_SAFE, MAX_UINT32
from .schema_parts import KID, SECONDS, TEXT, Schema, array, hex_text, record, ref, words

if TYPE_CHECKING:
    from .msgpack import Json

_WRITTEN = ("int", "utf16", "map", "repeat", "numbered")  # tags of states that are written
ALGORITHMS = ("HS256", "Ed25519", "ES256")


def tagged_definitions(*, written: bool = False) -> dict[str, Json]:
    """Give the definitions of tagged JSON; a state to write may hold what no reader gives."""
    tags = ["float", "bin", "timestamp", *(_WRITTEN if written else [])]
    plain: list[Json] = [
        {"type": ["null", "boolean", "string"]},
        {"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE},
        array(ref("value")),
        {
            "type": "object",
            "propertyNames": {"pattern": "^(?!\\$)"},
            "additionalProperties": ref("value"),
        },
    ]
    number = "-?[0-9]+(\\.[0-9]+)?(e[+-]?[0-9]+)?|-?inf" + ("|nan" if written else "")
    nanoseconds: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    seconds: Json = {"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE}
    count: Json = {"type": "integer", "minimum": 1, "maximum": 2**17}
    pair: Schema = {
        "type": "array",
        "prefixItems": [ref("value"), ref("value")],
        "minItems": 2,
        "items": False,
    }
    every: dict[str, Json] = {
        "float": record({"$float": {"type": "string", "pattern": f"^({number})$"}}),
        "bin": record({"$bin": hex_text()}),
        "timestamp": record({"$timestamp": {
            "type": "array", "prefixItems": [seconds, nanoseconds], "minItems": 2,
            "items": False}}),
        "int": record({"$int": {"type": "string", "pattern": "^-?[1-9][0-9]*$"}}),
        "utf16": utf16(),
        "map": record({"$map": array(pair)}),
        "repeat": record({"$repeat": {
            "type": "array", "prefixItems": [ref("value"), count], "minItems": 2, "items": False}}),
        "numbered": record({"$numbered": count}),
    }  # fmt: skip
    return {
        "value": {"oneOf": [*plain, *(ref(tag) for tag in tags)]},
        **{tag: every[tag] for tag in tags},
    }


def utf16() -> Schema:
    """Give the schema of text in UTF-16 code units."""
    return record({"$utf16": {"type": "string", "pattern": "^([0-9a-f]{4})+$"}})


def claims_definition() -> Schema:
    """Give the definition of claims."""
    lifetime: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_UINT32}
    return record({
        "sid": hex_text(16),
        "iat": SECONDS,
        "ttl": lifetime,
        "age": SECONDS,
        "sub": {"type": ["null", "string", "integer"], "minimum": -MAX_SAFE,
                "maximum": MAX_SAFE},
        "cap": {"oneOf": [{"type": "null"}, lifetime]},
        "signers": {"oneOf": [{"type": "null"}, array(KID, 1, 15)]},
        "auth": {"oneOf": [{"type": "null"}, SECONDS]},
        "state": ref("value"),
    })  # fmt: skip


def jwk() -> Schema:
    """Give the definition of a JWK in the rings of tokens and states."""
    material: Schema = dict.fromkeys(("crv", "k", "x", "y", "d"), TEXT)
    required: dict[str, Json] = {
        "kty": words(("oct", "OKP", "EC")),
        "kid": KID,
        "alg": words((*ALGORITHMS, "A256GCM")),
    }
    return record(
        required,
        {
            "use": words(("sig", "enc")),
            **material,
            "nbf": SECONDS,
            "exp": SECONDS,
            "revoked": True,
        },
    )


def jwk_set() -> Schema:
    """Give the definition of a key document."""
    return record({"serial": SECONDS, "keys": array(ref("jwk"), 1)})


def layers() -> Schema:
    """Give the definition of every value on the way to a token."""
    values: dict[str, Json] = {
        "enc_key": hex_text(32),
        "header": TEXT,
        "salt": hex_text(8),
        "nonce": hex_text(12),
        "plaintext": hex_text(),
        "payload": hex_text(),
        "signing_input": TEXT,
        "signature": hex_text(32, 64),
    }
    symmetric = record({"sig_key": hex_text(32), **values})
    asymmetric = record({"public_key": hex_text(32, 64), **values})
    return {"oneOf": [symmetric, asymmetric]}
