"""A state outside its token: sealed as an entry, and the reference to it. Pure (SPEC section 14).

An entry is sealed under a key of its own, which the token alone carries, and is named by its own
digest. So a store reads nothing, and whatever else it answers under that name is found out: the
entry of another session, an older one of the same, or a part of one.
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
# Claims without these bytes hold no reference, which is quickly told of nearly all.
MARK: Final = OVERFLOW_KEY.encode("ascii")

_REFERENCE_BYTES: Final = 1 + NAME_BYTES + KEY_BYTES
_NONCE: Final = bytes(12)  # a key seals one entry, so a fixed nonce never repeats under it
_PURPOSE: Final = b"tokensession/v1/overflow\0"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a token has in place of its state.

    Attributes:
        name: The SHA-256 of the entry, by which its store knows it.
        key: The secret that opens it, and nothing else.
    """

    name: bytes
    key: bytes = field(repr=False)

    @property
    def state(self) -> dict[str, bytes]:
        """The state that stands in the token."""
        return {OVERFLOW_KEY: VERSION_BYTE + self.name + self.key}


SOME_REFERENCE: Final = Reference(bytes(NAME_BYTES), bytes(KEY_BYTES))  # as long as any other


@dataclass(frozen=True, slots=True)
class Overflowed:
    """What a session remembers of its state outside the token.

    Attributes:
        reference: Where it is.
        sid: The session id that it is bound to.
        packed: The state as msgpack, or None while it has not been fetched.
    """

    reference: Reference
    sid: bytes
    packed: bytes | None = field(repr=False)


def reference_of(state: Any) -> Reference | None:
    """Return the reference that a token's state is, or None for any other state.

    Raises:
        BadState: The reserved key is there, with something else than a reference.
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
        raise BadState(f"the state's key {OVERFLOW_KEY!r} holds no reference that this can read")
    return Reference(value[1 : 1 + NAME_BYTES], value[1 + NAME_BYTES :])


def seal(packed: bytes, sid: bytes, context: bytes) -> tuple[Reference, bytes]:
    """Return a new reference and the entry that it is to."""
    return seal_with(os.urandom(KEY_BYTES), packed, sid, context)


def seal_with(key: bytes, packed: bytes, sid: bytes, context: bytes) -> tuple[Reference, bytes]:
    """Return what `seal` does. Dangerous: a key must be fresh for every entry; for tests."""
    entry = AESGCM(key).encrypt(_NONCE, packed, _PURPOSE + sid + context)
    return Reference(sha256(entry).digest(), key), entry


def unseal(reference: Reference, entry: bytes | None, sid: bytes, context: bytes) -> bytes:
    """Return the state in an entry, as msgpack.

    Raises:
        StateLost: There is no entry, or not the one that the reference is to.
    """
    if entry is None:
        raise StateLost("the state is in a store, which has no such entry (any more)")
    if sha256(entry).digest() == reference.name:
        try:
            return AESGCM(reference.key).decrypt(_NONCE, entry, _PURPOSE + sid + context)
        except InvalidTag:
            pass
    raise StateLost("the state is in a store, whose entry is not the one that was written")
