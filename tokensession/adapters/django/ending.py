"""Ending a session by its key, from outside of its own request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, TokenError

if TYPE_CHECKING:
    from tokensession.sessions.session import Session
    from tokensession.web.manager import SessionManager

_SID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
NO_LIST: Final = (
    "the session is in its browser's cookie, so it can be ended from elsewhere only with a "
    "revocation list: set TOKENSESSION_REVOCATION"
)


def sid_named(session_key: object) -> bytes | None:
    """Return the session id that a key is, or None where it is something else."""
    if isinstance(session_key, str) and _SID.fullmatch(session_key):
        return bytes.fromhex(session_key)
    return None


def end_session(manager: SessionManager[Any], session_key: str, found: bytes | None = None) -> None:
    """End the session that a key names; a key that names none ends nothing.

    Args:
        manager: Has the revocation list.
        session_key: An id in hexadecimal, or a token.
        found: The id that the token carried when it was read. A token can have expired since,
            while its browser has got a newer one of the same session.

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
                return  # it has ended already, or never was a session of ours
            sid = found
    if manager.codec.revocations is None:
        raise ConfigError(NO_LIST)
    if session is not None:
        manager.codec.revoke(session)
    else:
        assert sid is not None
        manager.codec.revoke_sid(sid)
