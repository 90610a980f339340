"""What a token carries once it has been read and found good."""

from __future__ import annotations

from typing import Generic

import msgspec

from tokensession.claims import StateT, Subject


class Session(msgspec.Struct, Generic[StateT], eq=False, weakref=True):
    """A session.

    Attributes:
        state: The application's data.
        sid: The session id, 16 bytes; kept through renewals.
        subject: Whose session: a str, an int or None.
        issued_at: Unix second at which this token was made.
        started_at: Unix second at which the session began.
        expires_at: Unix second at which this token dies.
        kid: The key that signed it.
        context: The purpose that it was read for.
        ttl: Seconds of its idle window; renewal keeps them.
        cap: Seconds from its start that it may last at the most, or None.
    """

    state: StateT
    sid: bytes
    subject: Subject
    issued_at: int
    started_at: int
    expires_at: int
    kid: str
    context: str
    ttl: int
    cap: int | None

    def __repr__(self) -> str:
        """Show dates and key, never the state or whose session it is."""
        return (
            f"<Session sid={self.sid.hex()} issued_at={self.issued_at} "
            f"started_at={self.started_at} expires_at={self.expires_at} kid={self.kid!r}>"
        )
