"""The sessions that the page has seen: what a stateless application does not have by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.sessions.session import Session

Life = Literal["live", "revoked", "expired", "key revoked", "key expired"]

MOST_SEEN: Final = 50  # sessions; of more, those used longest ago are forgotten


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A session, as it was when it was used last."""

    sid: bytes
    subject: Subject
    kid: str
    signers: tuple[str, ...]
    started_at: int
    expires_at: int
    used_at: int


class SeenSessions:
    """Remembers the last sessions by their ids, in memory."""

    def __init__(self) -> None:
        self._by_sid: dict[bytes, SeenSession] = {}

    def note(self, session: Session[Any], now: int) -> None:
        """Take note that a session that a token gave is used at the Unix second `now`."""
        self._by_sid.pop(session.sid, None)
        self._by_sid[session.sid] = SeenSession(
            session.sid, session.subject, session.kid, session.signers, session.started_at,
            session.expires_at, now,
        )  # fmt: skip
        while len(self._by_sid) > MOST_SEEN:
            del self._by_sid[next(iter(self._by_sid))]

    def latest(self) -> tuple[SeenSession, ...]:
        """Return them, the one used last first."""
        return tuple(reversed(self._by_sid.values()))
