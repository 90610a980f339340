"""Stateless sessions: encrypted, signed, compact tokens that any process with the keys can read."""

from tokensession.codec import SessionCodec, decode, encode
from tokensession.errors import (
    BadClaims,
    BadSignature,
    BadState,
    ConfigError,
    DecryptFailed,
    Expired,
    Malformed,
    NotYetValid,
    Revoked,
    SessionTooLarge,
    StateError,
    StoreError,
    TokenError,
    TokenSessionError,
    UnknownKey,
    UnsupportedVersion,
)
from tokensession.keys import KeyRing
from tokensession.policy import Policy
from tokensession.session import Session

__all__ = [
    "BadClaims",
    "BadSignature",
    "BadState",
    "ConfigError",
    "DecryptFailed",
    "Expired",
    "KeyRing",
    "Malformed",
    "NotYetValid",
    "Policy",
    "Revoked",
    "Session",
    "SessionCodec",
    "SessionTooLarge",
    "StateError",
    "StoreError",
    "TokenError",
    "TokenSessionError",
    "UnknownKey",
    "UnsupportedVersion",
    "decode",
    "encode",
]
