"""Changes in place that the application has not marked, to values that no token can hold.

The sessions of these frameworks save a change inside of a value only if the application sets
``modified``, or calls ``changed()``. So applications put objects such as Decimals into the dicts
and lists of a session while they answer a request, and rely on these changes being forgotten.
Values that a token can hold are saved, and raise if they are too large for it.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import StateError

if TYPE_CHECKING:
    from tokensession.sessions.steps import Steps
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.request_session import RequestSession

_log = logging.getLogger("tokensession")

_MEMBER: Final = re.compile(r"state(\.\w+|\[[^]]*\])")  # the first member of a path
_MOST: Final = 100
_warned: set[str] = set()  # the members that have caused a warning


def save(
    manager: SessionManager[Any],
    session: RequestSession[Any],
    headers: Headers,
    *,
    status: int = 200,
    method: str | None,
) -> None:
    """Save as `SessionManager.save` does, without unmarked changes that cannot be written."""
    try:
        manager.save(session, headers, status=status, method=method)
    except StateError as error:
        _forget(manager, session, error)
        manager.save(session, headers, status=status, method=method)


def saving(
    manager: SessionManager[Any],
    session: RequestSession[Any],
    headers: Headers,
    *,
    status: int,
    method: str | None,
    varies: bool = True,
) -> Steps[None]:
    """Save as `save` does, in steps."""
    try:
        yield from manager.saving(session, headers, status=status, method=method, varies=varies)
    except StateError as error:
        _forget(manager, session, error)
        yield from manager.saving(session, headers, status=status, method=method, varies=varies)


def _forget(manager: SessionManager[Any], session: RequestSession[Any], error: StateError) -> None:
    """Restore the state that was found, or raise the error if the application means its change."""
    value = session._value
    member = _MEMBER.match(error.path)
    # An error without a path comes of another thread's work, so the change can be one to keep.
    if value is None or session._flagged or not value.is_unmarked or member is None:
        raise error
    manager.codec.changes.restore(value)
    session._saved = None
    place = member.group()
    if place not in _warned and len(_warned) < _MOST:
        _warned.add(place)
        _log.warning(
            "the session was changed in place, which cannot be saved, so it stays as it was: %s "
            "(copy the value before you change it, or mark the session as changed to get an "
            "error; this is logged once for each member of the state)",
            error,
        )
