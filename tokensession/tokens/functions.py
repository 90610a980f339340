"""The functions `encode` and `decode`, for tokens without a codec."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tokensession.keys.ring import KeyRing  # noqa: TC001  # the example uses it
from tokensession.tokens.codec import DEFAULT_CONTEXT, UNLIMITED, SessionCodec

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.format.seconds import Duration
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.session import Session


def encode(
    state: Any,
    keys: KeyRing | KeyRingWatcher,
    *,
    context: str = DEFAULT_CONTEXT,
    subject: Subject = None,
    ttl: Duration | None = None,
    cap: Duration | None = None,
    now: float | None = None,
) -> str:
    """Return the token of a new session that lives `ttl` seconds (1800 by default).

    Renewals can extend the session without limit, except for its own cap. For arguments and errors
    see `SessionCodec.encode`.

    >>> keys = KeyRing.generate()
    >>> decode(encode({"user_id": 42}, keys, subject="42"), keys).state
    {'user_id': 42}
    """
    return _codec_of(keys, context).encode(state, subject=subject, ttl=ttl, cap=cap, now=now)


def decode(
    token: str | bytes,
    keys: KeyRing | KeyRingWatcher,
    *,
    context: str = DEFAULT_CONTEXT,
    now: float | None = None,
) -> Session[Any]:
    """Return the session that a token carries.

    Only the session's own cap limits its life. For arguments and errors see `SessionCodec.decode`.
    """
    return _codec_of(keys, context).decode(token, now=now)


def _codec_of(keys: KeyRing | KeyRingWatcher, context: str) -> SessionCodec[Any]:
    try:
        return _codec(keys, context)
    except TypeError:  # an argument is not hashable, so it is invalid
        return SessionCodec(keys, context=context, policy=UNLIMITED)


@lru_cache(maxsize=64)
def _codec(keys: KeyRing | KeyRingWatcher, context: str) -> SessionCodec[Any]:
    return SessionCodec(keys, context=context, policy=UNLIMITED)
