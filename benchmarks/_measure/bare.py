"""The least that session middleware with these tokens can do, as a lower limit to compare with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from _measure.limit import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

pack = msgspec.msgpack.Encoder().encode


class BareSession(dict[str, Any]):
    """A dict that is filled on first access, and says so."""

    def __init__(self, fill: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._fill: Callable[[], dict[str, Any]] | None = fill

    @property
    def opened(self) -> bool:
        """Whether anything was asked of it."""
        return self._fill is None

    def open(self) -> None:
        """Fill it."""
        fill, self._fill = self._fill, None
        if fill is not None:
            dict.update(self, fill())

    def __getitem__(self, key: str) -> Any:
        """Return a value."""
        if self._fill is not None:
            self.open()
        return dict.__getitem__(self, key)

    def update(self, *args: Any, **more: Any) -> None:
        """Take values over."""
        self.open()
        dict.update(self, *args, **more)


class BareSessions:
    """The least that middleware with these tokens can do: the hand-composed limit, lazily.

    It finds its cookie in the raw header, opens on first access, tells a change by the packed
    state, and sets cookie, Vary and Cache-Control. It knows no policy, no renewal, no duplicates,
    no size limit, no foreign values, and merges no header.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._limit = Limit(os.urandom(32), "k1")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        limit = self._limit
        before = b""

        def fill() -> dict[str, Any]:
            nonlocal before
            for name, value in scope["headers"]:
                if name == b"cookie":
                    for pair in value.split(b";"):
                        left, _, token = pair.partition(b"=")
                        if left.strip() == b"__Host-session":
                            state: dict[str, Any] = limit.decode(token.strip().decode("ascii"))
                            before = pack(state)
                            return state
            return {}

        session = scope["session"] = BareSession(fill)

        async def send_with_session(message: Any) -> None:
            if session.opened and message["type"] == "http.response.start":
                headers = message["headers"] = [*message["headers"], (b"vary", b"Cookie")]
                if pack(session) != before:
                    token = limit.encode(session)
                    line = f"__Host-session={token}; Max-Age=1800; Path=/; Secure; HttpOnly"
                    headers.append((b"set-cookie", f"{line}; SameSite=Lax".encode("ascii")))
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        await self._app(scope, receive, send_with_session)
