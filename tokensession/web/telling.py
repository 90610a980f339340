"""Tell observers and audit logs what a response does to its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensession.web.change import is_of_another, is_signed_out

if TYPE_CHECKING:
    from tokensession.sessions.events import Events
    from tokensession.sessions.value import SessionValue


def tell_change(events: Events, value: SessionValue[Any], at: int, *, ends: bool) -> None:
    """Tell what a response says of its session.

    Args:
        events: Passes it on.
        value: The session.
        at: Unix seconds.
        ends: Whether the response deletes the cookie.
    """
    found = None if value.opened is None else value.opened.claims
    if (
        found is not None
        and found.sub is not None
        and (is_signed_out(value) or is_of_another(value))
    ):
        events.tell("signed_out", found.sub, found.sid, at)
    if ends or value.subject is None:
        return
    if not value.kid:
        events.tell("signed_in", value.subject, value.sid, at)
    elif value.reauthenticated:
        events.tell("reauthenticated", value.subject, value.sid, at)
