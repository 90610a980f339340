"""The answers that an adapter gives by itself: a 503 where a store failed, a 500 after a sign-out.

And the mark of a response object that has carried a session's cookie.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tokensession.errors import ConfigError, StoreError
from tokensession.web.change import is_untouched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.errors import TokenSessionError
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager
    from tokensession.web.request_session import RequestSession

# Marks a response object that has been given a session's cookie, with that session.
_CARRIES_COOKIE: Final = "_tokensession_cookie"

_log = logging.getLogger("tokensession")


class Refusal(NamedTuple):
    """An answer in place of the application's.

    Attributes:
        status: 503 or 500.
        body: Its body, in ASCII; as the reason it stands in a status line.
        headers: Its headers.
    """

    status: int
    body: bytes
    headers: Headers


def refusal(
    manager: SessionManager[Any], error: TokenSessionError, headers: Iterable[tuple[bytes, bytes]]
) -> Refusal | None:
    """Return the answer to an error of saving, or None for what the framework answers.

    That is 503 for a store, and 500 where a sign-out holds although the rest of its response
    cannot be written. Of the response's headers only cookies stay, and what tells the client of an
    API to drop its token.

    Args:
        manager: The manager.
        error: As `SessionManager.save` raised it.
        headers: The response's, as that left them.
    """
    headers = list(headers)
    if isinstance(error, StoreError):
        _log.warning("answered 503: %s", error)
        status, body, retry = 503, b"Service Unavailable", [(b"retry-after", b"1")]
    elif manager.cookie.delete() in headers:
        _log.error("answered 500 after a sign-out, which holds: %s", error)
        status, body, retry = 500, b"Internal Server Error", []
    else:
        return None
    kept = (b"set-cookie", manager.cookie.delete()[0])
    return Refusal(
        status,
        body,
        [
            (b"content-type", b"text/plain"),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            *retry,
            *(header for header in headers if header[0].lower() in kept),
        ],
    )


def unavailable(manager: SessionManager[Any], error: StoreError) -> Refusal:
    """Return the answer to a store that failed before there was a response."""
    answer = refusal(manager, error, ())
    assert answer is not None
    return answer


def claim(response: object, session: RequestSession[Any]) -> None:
    """Mark a response object before a session is saved into it that can give it a cookie.

    Raises:
        ConfigError: It answers another request too, and would carry the cookie of one to others.
    """
    value = session._value
    if value is None or is_untouched(value):
        _check(vars(response).get(_CARRIES_COOKIE, session), session)
    else:
        mark(response, session)


def mark(response: object, session: RequestSession[Any]) -> None:
    """Mark a response object that a session's cookie is given to; raises as `claim`."""
    # One step of the interpreter: of two requests at once one is refused.
    _check(vars(response).setdefault(_CARRIES_COOKIE, session), session)


def release(response: object, session: RequestSession[Any]) -> None:
    """Take back the mark of a response that this session gave no cookie; raises as `claim`."""
    owner = vars(response).get(_CARRIES_COOKIE, session)
    _check(owner, session)
    vars(response).pop(_CARRIES_COOKIE, None)


def _check(owner: object, session: RequestSession[Any]) -> None:
    if owner is not session:
        raise ConfigError(
            "one response object answers several requests, and would carry the cookie of one "
            "session to others: make a response for each request"
        )
