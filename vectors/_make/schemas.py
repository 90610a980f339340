"""The JSON Schemas of the vector files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims_model import MAX_SAFE
from .schema_definitions import (
    ALGORITHMS,
    claims_definition,
    jwk,
    jwk_set,
    layers,
    tagged_definitions,
    utf16,
)
from .schema_parts import (
    BOOLEAN,
    KID,
    SECONDS,
    TEXT,
    Schema,
    array,
    file,
    hex_text,
    record,
    ref,
    words,
    words_or_null,
)
from .schema_sessions import cookies, lifetimes

if TYPE_CHECKING:
    from .msgpack import Json

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


def schemas() -> dict[str, Schema]:
    """Give the schema of each vector file, by the file's name."""
    return {
        "derivation": _derivation(),
        "claims": _claims(),
        "keys": _keys(),
        "states": _states(),
        "tokens": _tokens(),
        "lifetimes": lifetimes(),
        "cookies": cookies(TOKEN_WORDS),
        "heritage": _heritage(),
        "revocation": _revocation(),
        "overflow": _overflow(),
        "writing": _writing(),
    }


def _derivation() -> Schema:
    given: dict[str, Json] = {"secret": hex_text(32, 64), "salt": hex_text(8)}
    ok = record(
        {
            **given,
            "context": TEXT,
            "expect": {"const": "ok"},
            "sig_key": hex_text(32),
            "enc_key": hex_text(32),
        }
    )
    context: Json = {"oneOf": [TEXT, utf16()]}
    refused = record({**given, "context": context, "expect": {"const": "config_error"}})
    return file("derivation", ("D1", "D2"), [ok, refused])


def _claims() -> Schema:
    plaintext: dict[str, Json] = {"plaintext": hex_text()}
    ok = record({**plaintext, "expect": {"const": "ok"}, "claims": ref("claims")})
    either = record(
        {**plaintext, "expect": {"const": "ok"}, "acceptable": {"const": ["bad_claims"]}}
    )
    bad = record(
        {**plaintext, "expect": {"const": "bad_claims"}}, {"acceptable": {"const": ["ok"]}}
    )
    rules = [f"C{number}" for number in range(1, 15)]
    definitions = {"claims": claims_definition(), **tagged_definitions()}
    return file("claims", rules, [ok, either, bad], definitions=definitions)


def _keys() -> Schema:
    anything: Schema = {"type": "object"}
    kid = record({"kid": KID, "algorithm": words(ALGORITHMS), "can_mint": BOOLEAN})
    ok = record(
        {"document": anything, "expect": {"const": "ok"}, "kids": array(kid, 1)},
        {"running": anything},
    )
    refused = record(
        {"document": anything, "expect": {"const": "config_error"}},
        {"running": anything, "from_file": {"const": True}},
    )
    as_text = record(
        {"text": TEXT, "expect": {"const": "config_error"}}, {"acceptable": {"const": ["ok"]}}
    )
    taken = record({"text": TEXT, "expect": {"const": "ok"}, "kids": array(kid, 1)})
    as_bytes = record({"bytes": hex_text(), "expect": {"const": "config_error"}})
    rules = [f"K{number}" for number in range(1, 11)]
    secrets = array({"type": "string", "pattern": "^[A-Za-z0-9_-]{43,86}$"}, 1)
    shapes = [ok, taken, refused, as_text, as_bytes]
    return file("keys", rules, shapes, members={"well_known": secrets})


def _states() -> Schema:
    moment = record({
        "now": SECONDS,
        "states": {"type": "object", "propertyNames": KID, "minProperties": 1,
                   "additionalProperties": words(STATES)},
        "active": {"oneOf": [{"type": "null"}, KID]},
    })  # fmt: skip
    case = record(
        {"document": ref("jwk_set"), "times": array(moment, 1), "expect": {"const": "ok"}}
    )
    definitions = {"jwk": jwk(), "jwk_set": jwk_set()}
    return file("states", ("S1", "S2"), [case], definitions=definitions)


def _revocation() -> Schema:
    instant: Json = {"oneOf": [{"type": "null"}, SECONDS]}
    session = record({
        "sid": hex_text(16),
        "start": SECONDS,
        "sub": {"oneOf": [{"type": "null"}, TEXT, {"type": "integer"}]},
    })  # fmt: skip
    mark = record({
        "subject": hex_text(32),
        "instant": SECONDS,
        "kept": {"oneOf": [{"type": "null"}, hex_text(16)]},
    })  # fmt: skip
    entries = record({"denied": array(hex_text(16)), "everyone": instant, "marks": array(mark)})
    decision = record({"session": session, "entries": entries, "expect": words(("ok", "revoked"))})
    names = ("mark", "everyone", "highest", "now", "before", "leeway")
    operation = record(
        {
            "operation": words(("revoke_subject", "revoke_all", "revoke_before", "begin")),
            "given": record({}, dict.fromkeys(names, instant)),
            "expect": words(("ok", "store_error")),
        },
        {"result": {"type": "integer", "minimum": -1, "maximum": MAX_SAFE}},
    )
    return file("revocation", ("R9", "L1", "L2", "L3", "L4"), [decision, operation, _chain()])


def _chain() -> Schema:
    """Give the schema of calls on a list: each has the members that its name asks for."""
    subject: Json = {"oneOf": [{"type": "null"}, TEXT]}
    sid = hex_text(16)
    session: dict[str, Json] = {"sid": sid, "start": SECONDS, "sub": subject}
    successor = record({"sid": sid, "sub": subject})
    keep = record({"sid": sid, "start": SECONDS})
    calls: list[Json] = [
        record({
            "call": {"const": "deny"},
            **session,
            "successor": {"oneOf": [{"type": "null"}, successor]},
        }),
        record({"call": {"const": "replace"}, **session, "new": sid}),
        record({
            "call": {"const": "revoke_subject"},
            "sub": TEXT,
            "keep": {"oneOf": [{"type": "null"}, keep]},
        }),
        record({"call": {"const": "revoke_before"}, "before": SECONDS}),
    ]  # fmt: skip
    expected = words(("ok", "revoked", "store_error"))
    return record({
        "now": SECONDS,
        "calls": array({"oneOf": calls}, 1),
        "expect": expected,
        "after": array(record({**session, "word": expected}), 1),
    })  # fmt: skip


def _tokens() -> Schema:
    duration: Json = {"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]}
    kinds: Json = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": words(("int", "str", "bool", "bin")),
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
    ok = record(
        {
            **given,
            "expect": {"const": "ok"},
            "writable": BOOLEAN,
            "claims": ref("claims"),
            "layers": ref("layers"),
        },
        fields,
    )
    unknown = record(
        {
            **given,
            "expect": {"const": "unknown_key"},
            "key_state": words_or_null(("revoked", "expired")),
        },
        fields,
    )
    others = [word for word in TOKEN_WORDS if word not in ("ok", "unknown_key")]
    refused = record(
        {**given, "expect": words(others)}, {**fields, "acceptable": {"const": ["ok"]}}
    )
    rules = [*(f"R{number}" for number in range(1, 11)), "RO", "RW"]
    rings: Json = {"type": "object", "minProperties": 1, "additionalProperties": ref("jwk_set")}
    definitions = {
        "claims": claims_definition(),
        "layers": layers(),
        "jwk": jwk(),
        "jwk_set": jwk_set(),
        **tagged_definitions(),
    }
    return file(
        "tokens", rules, [ok, unknown, refused], members={"rings": rings}, definitions=definitions
    )


def _heritage() -> Schema:
    verbs = ("renew", "regenerate", "reauthenticate", "sign_in", "clear_and_sign_in")
    given: dict[str, Json] = {
        "token": {"oneOf": [{"type": "null"}, TEXT]},
        "verb": words(verbs),
        "subject": {"oneOf": [{"type": "null"}, TEXT]},
        "signs": KID,
        "now": SECONDS,
    }
    claims = claims_definition()["properties"]
    assert isinstance(claims, dict)
    written = {"start": SECONDS, "signers": claims["signers"], "auth": claims["auth"]}
    ok = record({**given, "expect": {"const": "ok"}, **written})
    refused = record({**given, "expect": {"const": "expired"}})
    members: dict[str, Json] = {"keys": array(jwk(), 2, 2)}
    return file("heritage", ("T4", "T5"), [ok, refused], members=members)


def _overflow() -> Schema:
    given: dict[str, Json] = {
        "sid": hex_text(16),
        "context": TEXT,
        "state": ref("value"),
        "entry": {"oneOf": [{"type": "null"}, hex_text()]},
    }
    read = record({**given, "expect": {"const": "ok"}, "packed": hex_text()})
    refused = record({**given, "expect": {"const": "bad_state"}}, {"acceptable": {"const": ["ok"]}})
    return file("overflow", ("O1", "O2"), [read, refused], definitions=tagged_definitions())


def _writing() -> Schema:
    given: dict[str, Json] = {"state": ref("value")}
    ok = record({**given, "expect": {"const": "ok"}, "msgpack": hex_text()})
    size: Json = {"type": "integer", "minimum": 1}
    long = record({**given, "expect": {"const": "ok"}, "size": size, "sha256": hex_text(32)})
    path: Json = {
        "type": "string",
        "pattern": '^state(\\.[A-Za-z0-9_]+|\\[[0-9]+\\]|\\["[^"]*"\\])*$',
    }
    refused = record({**given, "expect": {"const": "state_error"}, "path": path})
    asked = {**given, "document": ref("jwk_set"), "now": SECONDS, "ttl": size}
    token = record({**asked, "expect": {"const": "ok"}, "characters": size})
    too_long = record({**asked, "expect": {"const": "state_error"}})
    definitions = {**tagged_definitions(written=True), "jwk": jwk(), "jwk_set": jwk_set()}
    shapes = [ok, long, refused, token, too_long]
    return file("writing", ("W1", "W2", "W3"), shapes, definitions=definitions)
