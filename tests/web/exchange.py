"""A request and its response, as a manager sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conftest import NOW
from tokensession import Header, Policy, SessionManager

if TYPE_CHECKING:
    from tokensession.web.cookies import Headers
    from tokensession.web.request_session import RequestSession

IDLE, LIMIT = 1800, 8 * 3600
POLICY = Policy(idle_timeout=IDLE, absolute_timeout=LIMIT)


def request(
    manager: SessionManager[Any], *tokens: str, now: float | None = NOW
) -> RequestSession[Any]:
    """Return the session of a request that carries these tokens."""
    name, transport = b"cookie", manager.cookie
    prefix = "Bearer " if isinstance(transport, Header) else f"{transport.name}="
    if isinstance(transport, Header):
        name = transport.request.lower().encode()
    return manager.open([(name, f"{prefix}{token}".encode()) for token in tokens], now=now)


def response(
    manager: SessionManager[Any], session: RequestSession[Any], *, now: int = NOW
) -> dict[str, str]:
    """Return the headers that a response gets for its session."""
    headers: Headers = []
    manager.save(session, headers, now=now)
    assert len({name for name, _ in headers}) == len(headers)
    return {name.decode(): value.decode() for name, value in headers}


def token_in(headers: dict[str, str]) -> str:
    """Return the token that a response sets."""
    return headers["set-cookie"].partition(";")[0].partition("=")[2]
