"""Codecs of each algorithm, a token of each, and tokens of other writers."""

from __future__ import annotations

import msgspec

from tests.conftest import ALGORITHMS, NOW
from tokensession import KeyRing, SessionCodec
from tokensession.format.claims import write_claims

RINGS = [KeyRing.generate(algorithm) for algorithm in ALGORITHMS]
CODECS = [SessionCodec(ring) for ring in RINGS]
TOKENS = [codec.encode({"user_id": 42}, subject="42", now=NOW) for codec in CODECS]


def sealed(state: bytes) -> str:
    """Return the token of a state that another writer has packed, by the key of HS256."""
    (key,) = CODECS[0].rings.current().by_header.values()
    plaintext = write_claims(bytes(16), NOW, 60, 0, None, msgspec.Raw(state), None)
    return key.token(plaintext, key.salt(), bytes(12)).decode()
