"""The JSON Schemas of the vector files."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .claims_model import MAX_SAFE, MAX_UINT32
from .msgpack import Json
from .vectorfile import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Schema: TypeAlias = dict[str, Json]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TOKEN_WORDS = (
    "ok",
    "malformed",
    "unknown_key",
    "bad_signature",
    "unsupported_version",
    "decrypt_failed",
    "bad_claims",
    "not_yet_valid",
    "expired",
    "revoked",
    "bad_state",
)
STATES = ("pending", "active", "retiring", "expired", "revoked")
ALGORITHMS = ("HS256", "Ed25519", "ES256")

TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
KID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"}
SECONDS: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SAFE}


def schemas() -> dict[str, Schema]:
    """Give the schema of each vector file, by the file's name."""
    return {
        "derivation": _derivation(),
        "claims": _claims(),
        "keys": _keys(),
        "states": _states(),
        "tokens": _tokens(),
        "revocation": _revocation(),
        "overflow": _overflow(),
        "writing": _writing(),
    }


def _object(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _words(words: Sequence[str]) -> Schema:
    return {"enum": words}


def _hex(size: int | None = None, greatest: int | None = None) -> Schema:
    """Give the schema of hex text of so many bytes, or of `size` to `greatest`."""
    count = "*" if size is None else f"{{{size}}}" if greatest is None else f"{{{size},{greatest}}}"
    return {"type": "string", "pattern": f"^([0-9a-f]{{2}}){count}$"}


def _list(item: Json, least: int = 0, greatest: int | None = None) -> Schema:
    schema: Schema = {"type": "array", "items": item, "minItems": least}
    return schema if greatest is None else {**schema, "maxItems": greatest}


def _file(
    name: str,
    rules: Sequence[str],
    shapes: Sequence[Schema],
    *,
    members: Mapping[str, Json] | None = None,
    definitions: Mapping[str, Json] | None = None,
) -> Schema:
    """Give the schema of a file: what all have in common, and what its cases are.

    Each case is one of several shapes, to which the members that all cases have are added.
    """
    common: dict[str, Json] = {
        "id": {"type": "string", "pattern": f"^{name}/[a-z0-9]+(-[a-z0-9]+)*$"},
        "rule": _words(rules),
        "comment": {"type": "string", "minLength": 1},
    }
    whole = [_with(shape, common) for shape in shapes]
    top = _object({
        "format": {"const": FORMAT},
        "name": {"const": name},
        "comment": TEXT,
        "count": {"type": "integer", "minimum": 1},
        **(members or {}),
        "cases": _list(whole[0] if len(whole) == 1 else {"oneOf": whole}, 1),
    })  # fmt: skip
    head: Schema = {"$schema": DIALECT, "title": f"tokensession vectors: {name}", **top}
    return {**head, "$defs": dict(definitions)} if definitions else head


def _with(shape: Schema, common: Mapping[str, Json]) -> Schema:
    properties, required = shape["properties"], shape["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    return {
        **shape,
        "properties": {**common, **properties},
        "required": [*common, *required],
    }


def _tagged_definitions(*, written: bool = False) -> dict[str, Json]:
    """Give the definitions of tagged JSON; a state to write may hold what no reader gives."""
    tags = ["float", "bin", "timestamp", *(["int", "utf16", "map"] if written else [])]
    plain: list[Json] = [
        {"type": ["null", "boolean", "string"]},
        {"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE},
        _list(_ref("value")),
        {
            "type": "object",
            "propertyNames": {"pattern": "^(?!\\$)"},
            "additionalProperties": _ref("value"),
        },
    ]
    number = "-?[0-9]+(\\.[0-9]+)?(e[+-]?[0-9]+)?|-?inf" + ("|nan" if written else "")
    nanoseconds: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    seconds: Json = {"type": "integer", "minimum": -MAX_SAFE, "maximum": MAX_SAFE}
    pair: Schema = {
        "type": "array",
        "prefixItems": [_ref("value"), _ref("value")],
        "minItems": 2,
        "items": False,
    }
    every: dict[str, Json] = {
        "float": _object({"$float": {"type": "string", "pattern": f"^({number})$"}}),
        "bin": _object({"$bin": _hex()}),
        "timestamp": _object({"$timestamp": {
            "type": "array", "prefixItems": [seconds, nanoseconds], "minItems": 2,
            "items": False}}),
        "int": _object({"$int": {"type": "string", "pattern": "^-?[1-9][0-9]*$"}}),
        "utf16": _utf16(),
        "map": _object({"$map": _list(pair)}),
    }  # fmt: skip
    return {
        "value": {"oneOf": [*plain, *(_ref(tag) for tag in tags)]},
        **{tag: every[tag] for tag in tags},
    }


def _utf16() -> Schema:
    return _object({"$utf16": {"type": "string", "pattern": "^([0-9a-f]{4})+$"}})


def _claims_definition() -> Schema:
    lifetime: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_UINT32}
    return _object({
        "sid": _hex(16),
        "iat": SECONDS,
        "ttl": lifetime,
        "age": SECONDS,
        "sub": {"type": ["null", "string", "integer"], "minimum": -MAX_SAFE,
                "maximum": MAX_SAFE},
        "cap": {"oneOf": [{"type": "null"}, lifetime]},
        "state": _ref("value"),
    })  # fmt: skip


def _derivation() -> Schema:
    given: dict[str, Json] = {"secret": _hex(32, 64), "salt": _hex(8)}
    ok = _object(
        {
            **given,
            "context": TEXT,
            "expect": {"const": "ok"},
            "sig_key": _hex(32),
            "enc_key": _hex(32),
        }
    )
    context: Json = {"oneOf": [TEXT, _utf16()]}
    refused = _object({**given, "context": context, "expect": {"const": "config_error"}})
    return _file("derivation", ("D1", "D2"), [ok, refused])


def _claims() -> Schema:
    plaintext: dict[str, Json] = {"plaintext": _hex()}
    ok = _object({**plaintext, "expect": {"const": "ok"}, "claims": _ref("claims")})
    either = _object(
        {**plaintext, "expect": {"const": "ok"}, "acceptable": {"const": ["bad_claims"]}}
    )
    bad = _object(
        {**plaintext, "expect": {"const": "bad_claims"}}, {"acceptable": {"const": ["ok"]}}
    )
    rules = [f"C{number}" for number in range(1, 13)]
    definitions = {"claims": _claims_definition(), **_tagged_definitions()}
    return _file("claims", rules, [ok, either, bad], definitions=definitions)


def _jwk() -> Schema:
    material: Schema = dict.fromkeys(("crv", "k", "x", "y", "d"), TEXT)
    required: dict[str, Json] = {
        "kty": _words(("oct", "OKP", "EC")),
        "kid": KID,
        "alg": _words((*ALGORITHMS, "A256GCM")),
    }
    return _object(
        required,
        {
            "use": _words(("sig", "enc")),
            **material,
            "nbf": SECONDS,
            "exp": SECONDS,
            "revoked": True,
        },
    )


def _jwk_set() -> Schema:
    return _object({"serial": SECONDS, "keys": _list(_ref("jwk"), 1)})


def _keys() -> Schema:
    anything: Schema = {"type": "object"}
    kid = _object({"kid": KID, "algorithm": _words(ALGORITHMS), "can_mint": BOOLEAN})
    ok = _object(
        {"document": anything, "expect": {"const": "ok"}, "kids": _list(kid, 1)},
        {"running": anything},
    )
    refused = _object(
        {"document": anything, "expect": {"const": "config_error"}},
        {"running": anything, "from_file": {"const": True}},
    )
    as_text = _object({"text": TEXT, "expect": {"const": "config_error"}})
    rules = [f"K{number}" for number in range(1, 11)]
    secrets = _list({"type": "string", "pattern": "^[A-Za-z0-9_-]{43,86}$"}, 1)
    return _file("keys", rules, [ok, refused, as_text], members={"well_known": secrets})


def _states() -> Schema:
    moment = _object({
        "now": SECONDS,
        "states": {"type": "object", "propertyNames": KID, "minProperties": 1,
                   "additionalProperties": _words(STATES)},
        "active": {"oneOf": [{"type": "null"}, KID]},
    })  # fmt: skip
    case = _object(
        {"document": _ref("jwk_set"), "times": _list(moment, 1), "expect": {"const": "ok"}}
    )
    definitions = {"jwk": _jwk(), "jwk_set": _jwk_set()}
    return _file("states", ("S1", "S2"), [case], definitions=definitions)


def _revocation() -> Schema:
    instant: Json = {"oneOf": [{"type": "null"}, SECONDS]}
    session = _object({
        "sid": _hex(16),
        "start": SECONDS,
        "sub": {"oneOf": [{"type": "null"}, TEXT, {"type": "integer"}]},
    })  # fmt: skip
    mark = _object({
        "subject": _hex(32),
        "instant": SECONDS,
        "kept": {"oneOf": [{"type": "null"}, _hex(16)]},
    })  # fmt: skip
    entries = _object({"denied": _list(_hex(16)), "everyone": instant, "marks": _list(mark)})
    decision = _object(
        {"session": session, "entries": entries, "expect": _words(("ok", "revoked"))}
    )
    names = ("mark", "everyone", "highest", "now", "before", "leeway")
    operation = _object(
        {
            "operation": _words(("revoke_subject", "revoke_all", "revoke_before", "begin")),
            "given": _object({}, dict.fromkeys(names, instant)),
            "expect": _words(("ok", "store_error")),
        },
        {"result": {"type": "integer", "minimum": -1, "maximum": MAX_SAFE}},
    )
    return _file("revocation", ("R9", "L1", "L2", "L3"), [decision, operation])


def _tokens() -> Schema:
    duration: Json = {"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]}
    kinds: Json = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _words(("int", "str", "bool", "bin")),
    }
    given: dict[str, Json] = {
        "ring": TEXT,
        "context": TEXT,
        "now": {"type": "number", "minimum": 0},
        "leeway": {"type": "integer", "minimum": 0},
        "absolute_timeout": duration,
        "longest": duration,
        "token": TEXT,
    }
    fields = {"fields": kinds}
    ok = _object(
        {
            **given,
            "expect": {"const": "ok"},
            "writable": BOOLEAN,
            "claims": _ref("claims"),
            "layers": _ref("layers"),
        },
        fields,
    )
    unknown = _object(
        {
            **given,
            "expect": {"const": "unknown_key"},
            "key_state": _words_or_null(("revoked", "expired")),
        },
        fields,
    )
    others = [word for word in TOKEN_WORDS if word not in ("ok", "unknown_key")]
    refused = _object({**given, "expect": _words(others)}, fields)
    rules = [*(f"R{number}" for number in range(1, 9)), "R10", "RO", "RW"]
    rings: Json = {"type": "object", "minProperties": 1, "additionalProperties": _ref("jwk_set")}
    definitions = {
        "claims": _claims_definition(),
        "layers": _layers(),
        "jwk": _jwk(),
        "jwk_set": _jwk_set(),
        **_tagged_definitions(),
    }
    return _file(
        "tokens", rules, [ok, unknown, refused], members={"rings": rings}, definitions=definitions
    )


def _words_or_null(words: Sequence[str]) -> Schema:
    return {"enum": [*words, None]}


def _layers() -> Schema:
    values: dict[str, Json] = {
        "enc_key": _hex(32),
        "header": TEXT,
        "salt": _hex(8),
        "nonce": _hex(12),
        "plaintext": _hex(),
        "payload": _hex(),
        "signing_input": TEXT,
        "signature": _hex(32, 64),
    }
    symmetric = _object({"sig_key": _hex(32), **values})
    asymmetric = _object({"public_key": _hex(32, 64), **values})
    return {"oneOf": [symmetric, asymmetric]}


def _overflow() -> Schema:
    given: dict[str, Json] = {
        "sid": _hex(16),
        "context": TEXT,
        "state": _ref("value"),
        "entry": {"oneOf": [{"type": "null"}, _hex()]},
    }
    read = _object({**given, "expect": {"const": "ok"}, "packed": _hex()})
    refused = _object({**given, "expect": {"const": "bad_state"}})
    return _file("overflow", ("O1",), [read, refused], definitions=_tagged_definitions())


def _writing() -> Schema:
    ok = _object({"state": _ref("value"), "expect": {"const": "ok"}, "msgpack": _hex()})
    path: Json = {"type": "string", "pattern": "^state(\\.[a-z]+|\\[[0-9]+\\])*$"}
    refused = _object({"state": _ref("value"), "expect": {"const": "state_error"}, "path": path})
    definitions = _tagged_definitions(written=True)
    return _file("writing", ("W1", "W2"), [ok, refused], definitions=definitions)
