"""What a check of revocations answers, its steps done in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensession.sessions.steps import run

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.revocation.decision import Entries
    from tokensession.revocation.lookup import Check


def revoked(check: Check, sid: bytes, started_at: int, subject: Subject) -> bool:
    """Tell whether a check takes a session for revoked."""
    return run(check.revoking(sid, started_at, subject))


def entries(check: Check, sid: bytes, subject: bytes | None) -> Entries:
    """Return what a check knows about one session."""
    return run(check.looking_up(sid, subject))
