"""Tells in the log, once, that a Secure cookie was answered over plain http."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from tokensession.web.cookies import Cookie

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.web.cookies import Header

# The request headers that tell how a request was made. Browsers send Sec-Fetch-Site to https and
# to localhost alone, and what a proxy in front of TLS forwards names https.
EVIDENCE: Final = (b"host", b"x-forwarded-proto", b"forwarded", b"sec-fetch-site")
_PLAIN: Final = ("http", "ws")
_LOCAL: Final = re.compile(
    rb"(?:(?:[^:]+\.)?localhost\.?|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]*)?", re.IGNORECASE
)
_HTTPS: Final = re.compile(
    rb'[ \t]*(?:https|wss)\b|(?:.*[;,])?[ \t]*proto="?https\b', re.IGNORECASE
)
_DROPPED: Final = (
    "the Secure cookie %s was answered over plain http, where browsers and test clients drop it. "
    "Serve https; behind a proxy that ends TLS, let the proxy send X-Forwarded-Proto: https; in "
    "tests use a base URL with https; in development use http://localhost, or "
    'Cookie(name="session", http_development=True)'
)

_told: set[str] = set()  # names of cookies; once for a process is enough

_log = logging.getLogger("tokensession")


def tell_of_plain_http(
    cookie: Cookie | Header, scheme: str | None, headers: Iterable[tuple[bytes, bytes]]
) -> None:
    """Log that browsers drop the cookie of a response, the first time that they do.

    Args:
        cookie: How the response carries its token.
        scheme: That of the request, as its server tells it; None where it is not known.
        headers: The raw headers of the request.
    """
    if scheme not in _PLAIN or not isinstance(cookie, Cookie):
        return
    if cookie.http_development or cookie.name in _told or cookie.read(headers):
        return  # a browser that sends the Secure cookie has used https
    said = dict(headers)
    host = said.get(b"host", b"localhost")
    if _LOCAL.fullmatch(host) or b"sec-fetch-site" in said:
        return
    if any(_HTTPS.match(said.get(name, b"")) for name in (b"x-forwarded-proto", b"forwarded")):
        return
    _told.add(cookie.name)
    _log.warning(_DROPPED, cookie.name)
