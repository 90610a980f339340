"""End a session by its key, outside its own request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, TokenError

if TYPE_CHECKING:
    from tokensession.sessions.session import Session
    from tokensession.web.manager import SessionManager

_SID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
NO_LIST: Final = (
    "the session is in its browser's cookie, so only a revocation list can end it from "
    "elsewhere: set TOKENSESSION_REVOCATION"
)


def sid_named(session_key: object) -> bytes | None:
    """Return the session id in a key, or None if the key is not an id."""
    if isinstance(session_key, str) and _SID.fullmatch(session_key):
        return bytes.fromhex(session_key)
    return None


def end_session(manager: SessionManager[Any], session_key: str, found: bytes | None = None) -> None:
    """End the session of a key; no-op if there is no such session.

    Args:
        manager: The manager with the revocation list.
        session_key: An id in hexadecimal, or a token.
        found: The id in the token when it was read. The token can have expired since, while its
            browser has a newer one of the same session.

    Raises:
        ConfigError: There is no revocation list.
        StoreError: The end could not be recorded.
    """
    sid = sid_named(session_key)
    session: Session[Any] | None = None
    if sid is None:
        try:
            session = manager.codec.decode(session_key)
        except TokenError:
            if found is None:
                return  # it has ended already, or was never a session of ours
            sid = found
    if manager.codec.revocations is None:
        raise ConfigError(NO_LIST)
    if session is not None:
        manager.codec.revoke(session)
    else:
        assert sid is not None
        manager.codec.revoke_sid(sid)
