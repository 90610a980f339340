"""The document of a ring: a JWK Set with a serial (SPEC section 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tokensession.errors import ConfigError
from tokensession.format.core_values import MAX_INT
from tokensession.keys.jwk import Jwk, Key, parse_key
from tokensession.keys.jwk_pair import is_kid


class Document(NamedTuple):
    """The content of a document: its keys, its serial and its other members."""

    keys: list[Key]
    serial: int
    members: dict[str, Any]


def parse_document(document: Mapping[str, Any] | str | bytes) -> Document:
    """Return the content of a JWK Set."""
    content = _from_json(document) if isinstance(document, str | bytes) else document
    if not isinstance(content, Mapping):
        raise ConfigError(f"the key document must be a JWK Set, not {type(document).__name__}")
    try:
        members: dict[str, Any] = json.loads(json.dumps(dict(content), allow_nan=False))
        if "keys" not in members:
            raise ConfigError('the key document is not a JWK Set: the member "keys" is missing')
        return Document(parse_keys(members.pop("keys")), members.pop("serial", 0), members)
    except (TypeError, RecursionError) as error:
        reason = type(error).__name__
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        reason = "it contains a number that JSON does not have"
    raise ConfigError(f"the key document is not JSON: {reason}")


def parse_keys(jwks: object) -> list[Key]:
    """Return the keys that a list of JWKs describes. Each kid occurs once.

    Raises:
        ConfigError: SPEC section 7 refuses a key. The message names the kid, the fault and the fix,
            never the material. The ring checks what keys must not share.
    """
    if isinstance(jwks, str | bytes):
        raise ConfigError(
            f"the keys must be a list of JWKs, not {type(jwks).__name__}: pass text to "
            "KeyRing.from_jwks"
        )
    if not isinstance(jwks, list | tuple):
        raise ConfigError(f'"keys" must be a list of JWKs, not {type(jwks).__name__}')
    by_kid: dict[str, list[Jwk]] = {}
    for index, jwk in enumerate(jwks):
        if not isinstance(jwk, dict):
            raise ConfigError(f"keys[{index}] must be a JWK (an object)")
        kid = jwk.get("kid")
        if not is_kid(kid):
            raise ConfigError(
                f"keys[{index}]: invalid kid: use 1 to 32 characters of A-Z a-z 0-9 _ -"
            )
        by_kid.setdefault(kid, []).append(jwk)
    return [parse_key(kid, group) for kid, group in by_kid.items()]


def write_document(document: Document) -> dict[str, Any]:
    """Return the JWK Set with all secrets of the keys."""
    jwks = [jwk for key in document.keys for jwk in key.to_jwks(private=True)]
    return {**json.loads(json.dumps(document.members)), "serial": document.serial, "keys": jwks}


def check_serial(serial: object) -> None:
    """Refuse a serial that is not an integer from 0 to 2**53 - 1."""
    if isinstance(serial, bool) or not isinstance(serial, int) or not 0 <= serial <= MAX_INT:
        raise ConfigError("serial must be an integer from 0 to 2**53 - 1")


def states_serial(document: str | bytes) -> bool:
    """Tell whether a document's text states its serial, instead of leaving it at 0."""
    content = _from_json(document)
    return isinstance(content, Mapping) and "serial" in content


def _from_json(text: str | bytes) -> object:
    try:
        # Decode here, because json would guess the encoding of bytes (RFC 8259, 8.1).
        decoded = text.decode() if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=_unique_members)
    except ConfigError:
        raise
    except json.JSONDecodeError as error:
        reason = str(error)  # names positions only
    except (ValueError, RecursionError) as error:
        reason = type(error).__name__
    # Raised outside the except blocks, so that no chained exception holds the document.
    raise ConfigError(f"the key document is not JSON: {reason}")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ConfigError("the key document has a duplicate member in one object (RFC 7517, 4)")
    return members
