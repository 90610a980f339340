"""A state outside its token: the encrypted entry, and the reference to it. Pure (SPEC section 14).

Each entry is encrypted under its own key, which only the token contains, and is named by its
digest. So a store cannot read an entry. An entry of another session, an older entry and a truncated
entry are all detected.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokensession.errors import BadState, StateLost
from tokensession.format.state import OVERFLOW_KEY

VERSION_BYTE: Final = b"\x01"
NAME_BYTES: Final = 32
KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
# Claims without these bytes contain no reference; this check is fast.
MARK: Final = OVERFLOW_KEY.encode("ascii")

_REFERENCE_BYTES: Final = 1 + NAME_BYTES + KEY_BYTES
_NONCE: Final = bytes(12)  # each key encrypts one entry, so a fixed nonce never repeats
_PURPOSE: Final = b"tokensession/v1/overflow\0"


@dataclass(frozen=True, slots=True)
class Reference:
    """The content of a token in place of its state.

    Attributes:
        name: The SHA-256 of the entry, which is its name in the store.
        key: The secret that decrypts this entry only.
    """

    name: bytes
    key: bytes = field(repr=False)

    @property
    def state(self) -> dict[str, bytes]:
        """The state in the token."""
        return {OVERFLOW_KEY: VERSION_BYTE + self.name + self.key}


SOME_REFERENCE: Final = Reference(
    bytes(NAME_BYTES), bytes(KEY_BYTES)
)  # as long as any other reference


@dataclass(frozen=True, slots=True)
class Overflowed:
    """A session's state outside the token.

    Attributes:
        reference: The reference to its entry.
        sid: The session id to which it is bound.
        packed: The state as msgpack, or None before it is read.
    """

    reference: Reference
    sid: bytes
    packed: bytes | None = field(repr=False)


def reference_of(state: Any) -> Reference | None:
    """Return the reference in a token's state, or None for an ordinary state.

    Raises:
        BadState: The reserved key exists but contains no valid reference.
    """
    if not isinstance(state, dict) or OVERFLOW_KEY not in state:
        return None
    value = state[OVERFLOW_KEY]
    if (
        len(state) != 1
        or not isinstance(value, bytes)
        or len(value) != _REFERENCE_BYTES
        or value[:1] != VERSION_BYTE
    ):
        raise BadState(f"the state's key {OVERFLOW_KEY!r} contains no valid reference")
    return Reference(value[1 : 1 + NAME_BYTES], value[1 + NAME_BYTES :])


def seal(packed: bytes, sid: bytes, context: bytes) -> tuple[Reference, bytes]:
    """Return a new entry and the reference to it."""
    return seal_with(os.urandom(KEY_BYTES), packed, sid, context)


def seal_with(key: bytes, packed: bytes, sid: bytes, context: bytes) -> tuple[Reference, bytes]:
    """Encrypt with the given key. Dangerous: each entry needs a fresh key; for tests only."""
    entry = AESGCM(key).encrypt(_NONCE, packed, _PURPOSE + sid + context)
    return Reference(sha256(entry).digest(), key), entry


def unseal(reference: Reference, entry: bytes | None, sid: bytes, context: bytes) -> bytes:
    """Return the state in an entry, as msgpack.

    Raises:
        StateLost: The entry is missing, or does not match the reference.
    """
    if entry is None:
        raise StateLost("the state's entry is missing in the overflow store")
    if sha256(entry).digest() == reference.name:
        try:
            return AESGCM(reference.key).decrypt(_NONCE, entry, _PURPOSE + sid + context)
        except InvalidTag:
            pass
    raise StateLost("the state's entry in the overflow store is not the one that was written")
