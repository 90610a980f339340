"""Stateless sessions: encrypted, signed, compact tokens that any process with the keys can read."""

from tokensession.codec import SessionCodec, decode, encode
from tokensession.cookies import Cookie, Header
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
    StateLost,
    StoreError,
    TokenError,
    TokenSessionError,
    UnknownKey,
    UnsupportedVersion,
)
from tokensession.keys import KeyRing
from tokensession.manager import SessionManager
from tokensession.overflow.overflow import Overflow
from tokensession.policy import Policy
from tokensession.session import Session

__all__ = [
    "BadClaims",
    "BadSignature",
    "BadState",
    "ConfigError",
    "Cookie",
    "DecryptFailed",
    "Expired",
    "Header",
    "KeyRing",
    "Malformed",
    "NotYetValid",
    "Overflow",
    "Policy",
    "Revoked",
    "Session",
    "SessionCodec",
    "SessionManager",
    "SessionTooLarge",
    "StateError",
    "StateLost",
    "StoreError",
    "TokenError",
    "TokenSessionError",
    "UnknownKey",
    "UnsupportedVersion",
    "decode",
    "encode",
]
