"""The document of a ring: a JWK Set with a serial (SPEC section 7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tokensession.errors import ConfigError
from tokensession.jwk import Key, parse_keys
from tokensession.policy import check_seconds
from tokensession.state import MAX_INT

if TYPE_CHECKING:
    from collections.abc import Mapping


class Document(NamedTuple):
    """What a document says: its keys, its serial, and whatever other members it has."""

    keys: list[Key]
    serial: int
    members: dict[str, Any]


def parse_document(document: Mapping[str, Any] | str | bytes) -> Document:
    """Return what a JWK Set says.

    Args:
        document: The JWK Set as a dict, or as JSON text.

    Raises:
        ConfigError: Not JSON, a member named twice, no list of keys, or a key that is refused.
    """
    content = _from_json(document) if isinstance(document, str | bytes) else document
    if not isinstance(content, dict):
        raise ConfigError(f"a key document is a JWK Set (an object), not {type(document).__name__}")
    try:
        members: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"the key document is not JSON: {type(error).__name__}") from None
    if "keys" not in members:
        raise ConfigError('the key document has no member "keys": it is no JWK Set')
    keys = parse_keys(members.pop("keys"))
    return Document(keys, members.pop("serial", 0), members)


def write_document(document: Document) -> dict[str, Any]:
    """Return the JWK Set with all secrets of its keys."""
    jwks = [jwk for key in document.keys for jwk in key.to_jwks(private=True)]
    return {"serial": document.serial, **json.loads(json.dumps(document.members)), "keys": jwks}


def check_serial(serial: object) -> None:
    """Refuse a serial that is no integer from 0 to 2**53 - 1.

    Raises:
        ConfigError: With the range.
    """
    if isinstance(serial, bool) or not isinstance(serial, int) or not 0 <= serial <= MAX_INT:
        raise ConfigError("serial must be an integer from 0 to 2**53 - 1")


def token_lifetime(members: Mapping[str, Any]) -> int | None:
    """Return the longest ttl in seconds that the rotation config allows for, or None.

    Raises:
        ConfigError: The member ``rotation`` is no object, or its lifetime no seconds.
    """
    rotation: object = members.get("rotation")
    if rotation is None:
        return None
    if not isinstance(rotation, dict):
        raise ConfigError('the member "rotation" must be an object')
    lifetime: Any = rotation.get("token_lifetime")
    if lifetime is None:
        return None
    check_seconds('"token_lifetime" of "rotation"', lifetime)
    return int(lifetime)


def _from_json(text: str | bytes) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique_members)
    except ConfigError:
        raise
    except json.JSONDecodeError as error:
        # Its text names positions only; the error itself holds the document, so it is not chained.
        raise ConfigError(f"the key document is not JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the key document is not JSON: {type(error).__name__}") from None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ConfigError("the key document names a member twice in one object (RFC 7517, 4)")
    return members
