"""The JSON Schemas of lifetimes.json and cookies.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .schema_definitions import jwk, jwk_set
from .schema_parts import SECONDS, TEXT, Schema, array, file, hex_text, record, ref, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .msgpack import Json

NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 2**32}
OPTIONAL: Schema = {"oneOf": [{"type": "null"}, NUMBER]}


def lifetimes() -> Schema:
    """Give the schema of lifetimes.json."""
    dates = record({"iat": SECONDS, "ttl": NUMBER, "age": SECONDS, "cap": OPTIONAL})

    def shapes(operation: str, given: Json, result: dict[str, Json], refusal: str) -> list[Schema]:
        common: dict[str, Json] = {
            "operation": {"const": operation},
            "absolute_timeout": OPTIONAL,
            "longest": OPTIONAL,
            "token_lifetime": OPTIONAL,
            "given": given,
            "now": SECONDS,
            **({} if operation == "new" else {"token": TEXT}),
        }
        return [
            record({**common, "expect": {"const": "ok"}, **result}),
            record({**common, "expect": {"const": refusal}}),
        ]

    wanted = record({"idle_window": NUMBER, "cap": OPTIONAL})
    every = [
        *shapes("read", dates, {"dies_at": SECONDS}, "config_error"),
        *shapes("new", wanted, {"claims": dates}, "config_error"),
        *shapes("renew", dates, {"claims": dates}, "expired"),
    ]
    return file("lifetimes", ("T1", "T2", "T3"), every, members={"key": jwk()})


def cookies(token_words: Sequence[str]) -> Schema:
    """Give the schema of cookies.json."""
    given: dict[str, Json] = {"headers": array(TEXT), "name": TEXT, "now": SECONDS}
    ok = record({**given, "expect": {"const": "ok"}, "sid": hex_text(16)})
    others = [word for word in token_words if word != "ok"]
    refused = record({**given, "expect": words(("none", *others))})
    definitions: dict[str, Json] = {"jwk": jwk(), "jwk_set": jwk_set()}
    members: dict[str, Json] = {"document": ref("jwk_set")}
    rules = ("H1", "H2", "H3", "H4")
    return file("cookies", rules, [ok, refused], members=members, definitions=definitions)
