"""The responses of the library itself: a 503 when a store fails, a 500 after a sign-out.

It also marks response objects that carry a session's cookie.
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

# The attribute of a response object that holds the session whose cookie it carries.
_CARRIES_COOKIE: Final = "_tokensession_cookie"

_log = logging.getLogger("tokensession")


class Refusal(NamedTuple):
    """A response that replaces the application's.

    Attributes:
        status: 503 or 500.
        body: The body, in ASCII; also the reason phrase of the status line.
        headers: The headers.
    """

    status: int
    body: bytes
    headers: Headers


def refusal(
    manager: SessionManager[Any], error: TokenSessionError, headers: Iterable[tuple[bytes, bytes]]
) -> Refusal | None:
    """Return the response for an error of saving, or None if the framework must answer.

    It is 503 for a store error, and 500 if the rest of a sign-out's response cannot be written. It
    keeps only cookies of the response's headers, and the header that makes an API client drop its
    token.

    Args:
        manager: The manager.
        error: The error from `SessionManager.save`.
        headers: The response's headers after that error.
    """
    headers = list(headers)
    if isinstance(error, StoreError):
        _log.warning("answered 503: %s", error)
        status, body, retry = 503, b"Service Unavailable", [(b"retry-after", b"1")]
    elif manager.cookie.delete() in headers:
        _log.error("answered 500 after a sign-out, which succeeded: %s", error)
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
    """Return the response for a store that failed before there was a response."""
    answer = refusal(manager, error, ())
    assert answer is not None
    return answer


def claim(response: object, session: RequestSession[Any]) -> None:
    """Mark a response object before a session that may set its cookie is saved into it.

    Raises:
        ConfigError: The object answers another request too, which would get the cookie.
    """
    value = session._value
    if value is None or is_untouched(value):
        _check(vars(response).get(_CARRIES_COOKIE, session), session)
    else:
        mark(response, session)


def mark(response: object, session: RequestSession[Any]) -> None:
    """Mark a response object that carries a session's cookie; raises as `claim` does."""
    # Atomic in the interpreter: of two concurrent requests, one is refused.
    _check(vars(response).setdefault(_CARRIES_COOKIE, session), session)


def release(response: object, session: RequestSession[Any]) -> None:
    """Remove the mark of a response that this session gave no cookie; raises as `claim` does."""
    owner = vars(response).get(_CARRIES_COOKIE, session)
    _check(owner, session)
    vars(response).pop(_CARRIES_COOKIE, None)


def _check(owner: object, session: RequestSession[Any]) -> None:
    if owner is not session:
        raise ConfigError(
            "one response object answers several requests, so one session's cookie would reach "
            "others: create a response for each request"
        )
