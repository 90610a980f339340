"""Stateless sessions: encrypted, signed, compact tokens that any process with the keys can read."""

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
from tokensession.keys.ring import KeyRing
from tokensession.overflow.overflow import Overflow
from tokensession.sessions.policy import Policy
from tokensession.sessions.session import Session
from tokensession.tokens.codec import SessionCodec
from tokensession.tokens.functions import decode, encode
from tokensession.web.cookies import Cookie, Header
from tokensession.web.manager import SessionManager
from tokensession.web.request_session import RequestSession

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
    "RequestSession",
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
