"""The session of one request, as aiohttp-session's users know it."""

from __future__ import annotations

from tokensession.adapters.sign_in_key import SharedMembers
from tokensession.errors import ConfigError


class Session(SharedMembers):
    """The session of one request, with the members of aiohttp-session's.

    aiohttp-security signs in and out by it for real.
    """

    _sign_in_key = "AIOHTTP_SECURITY"

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
        """Seconds of the idle window, which can be set."""
        return self.ttl

    @max_age.setter
    def max_age(self, value: int | None) -> None:
        self.set_lifetime(value)

    def set_new_identity(self, identity: object) -> None:
        """Refuse to choose the id of a session.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"the id of a session is random, and not a {type(identity).__name__} of your choice: "
            "call regenerate() for a new one"
        )
