"""The session of one request, with the interface of aiohttp-session."""

from __future__ import annotations

import sys
from typing import Any

from tokensession.adapters.sign_in_key import SharedMembers
from tokensession.errors import ConfigError


class Session(SharedMembers):
    """The session of one request, with the members of aiohttp-session's.

    With aiohttp-security, a sign-in starts a new session and a sign-out ends it.
    """

    _sign_in_key = "AIOHTTP_SECURITY"
    _sign_in_module = "aiohttp_security.session_identity"

    @property  # type: ignore[misc]  # typeshed lets it be set
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """aiohttp-session's class, if it is imported, because that library checks for it."""
        package: Any = sys.modules.get("aiohttp_session")
        return Session if package is None else package.Session

    @property
    def _changed(self) -> bool:
        """What aiohttp-session's own middleware asks before it saves a session.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "aiohttp-session's middleware would save this session as its own: remove "
            "aiohttp_session.setup(...) and keep tokensession.adapters.aiohttp.setup(...)"
        )

    @property
    def identity(self) -> str:
        """The session id in hexadecimal."""
        return self.sid.hex()

    @property
    def empty(self) -> bool:
        """Whether the session has no state."""
        return not self

    @property
    def max_age(self) -> int:
        """The idle window in seconds. It can be set."""
        return self.ttl

    @max_age.setter
    def max_age(self, value: int | None) -> None:
        self.set_lifetime(value)

    def set_new_identity(self, identity: object) -> None:
        """Refuse an id that the application chooses.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"a session id must be random, not a {type(identity).__name__} of your choice: call "
            "regenerate() for a new id"
        )


class Storage:
    """What aiohttp-session's functions ask for a session.

    Args:
        session: The session of the request.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def new_session(self) -> Session:
        """Clear the session and return it."""
        self._session.clear()
        return self._session
