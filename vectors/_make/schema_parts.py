"""What the JSON Schemas of the vector files are built of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .claims_model import MAX_SAFE
from .msgpack import Json
from .vectorfile import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Schema: TypeAlias = dict[str, Json]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
KID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"}
SECONDS: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SAFE}


def record(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Schema:
    """Give the schema of an object without further members."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    """Give a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def words(words: Sequence[str]) -> Schema:
    """Give the schema of a closed list of words."""
    return {"enum": words}


def hex_text(size: int | None = None, greatest: int | None = None) -> Schema:
    """Give the schema of hex text of so many bytes, or of `size` to `greatest`."""
    count = "*" if size is None else f"{{{size}}}" if greatest is None else f"{{{size},{greatest}}}"
    return {"type": "string", "pattern": f"^([0-9a-f]{{2}}){count}$"}


def array(item: Json, least: int = 0, greatest: int | None = None) -> Schema:
    """Give the schema of a list."""
    schema: Schema = {"type": "array", "items": item, "minItems": least}
    return schema if greatest is None else {**schema, "maxItems": greatest}


def file(
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
        "rule": words(rules),
        "comment": {"type": "string", "minLength": 1},
    }
    whole = [_with(shape, common) for shape in shapes]
    top = record({
        "format": {"const": FORMAT},
        "name": {"const": name},
        "comment": TEXT,
        "count": {"type": "integer", "minimum": 1},
        **(members or {}),
        "cases": array(whole[0] if len(whole) == 1 else {"oneOf": whole}, 1),
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


def words_or_null(words: Sequence[str]) -> Schema:
    """Give the schema of a closed list of words, or null."""
    return {"enum": [*words, None]}
