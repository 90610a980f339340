"""Codecs of each algorithm, and a token of each."""

from __future__ import annotations

from tests.conftest import ALGORITHMS, NOW
from tokensession import KeyRing, SessionCodec

RINGS = [KeyRing.generate(algorithm) for algorithm in ALGORITHMS]
CODECS = [SessionCodec(ring) for ring in RINGS]
TOKENS = [codec.encode({"user_id": 42}, subject="42", now=NOW) for codec in CODECS]
