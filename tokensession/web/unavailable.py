"""What adapters share where a store of revocations is asked: threads, and the answer 503."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensession.errors import StoreError
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager

UNAVAILABLE: Final = 503
# Marks a response object that has been given a session's cookie.
CARRIES_COOKIE: Final = "_tokensession_cookie"
BODY: Final = b"Service Unavailable"

_log = logging.getLogger("tokensession")


def unavailable(
    manager: SessionManager[Any], error: StoreError, headers: Iterable[tuple[bytes, bytes]]
) -> Headers:
    """Return the headers of a 503, which stands in place of a response with other headers.

    Of those only cookies stay, and what tells the client of an API to drop its token: after a
    sign-out that could not be recorded the browser has nothing left all the same.
    """
    _log.warning("answered 503: %s", error)
    kept = (b"set-cookie", manager.cookie.delete()[0])
    return [
        (b"content-type", b"text/plain"),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(BODY)),
        (b"retry-after", b"1"),
        *(header for header in headers if header[0].lower() in kept),
    ]


def check_fresh(response: object) -> None:
    """Refuse a response object that has carried a session's cookie before.

    Raises:
        ConfigError: It has, and would give it to whoever asks next.
    """
    if hasattr(response, CARRIES_COOKIE):
        raise ConfigError(
            "one response object answers several requests, and would carry the cookie of one "
            "session to others: make a response for each request"
        )


async def in_thread(call: Callable[[], None]) -> None:
    """Run what does I/O beside the event loop; in place where that is not asyncio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        call()
        return
    await asyncio.to_thread(call)
