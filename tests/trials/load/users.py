"""Browsers that count in their sessions, sign out, and come back with what they signed out of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any, Self

from .app import BARE, COOKIE, POLICY

VISITS = 12  # requests of one session
PER_CONNECTION = 20  # requests before a new connection, so that every worker is met
# Seconds after which a cookie that was signed out of is not tried again: it nears its own end, by
# which it would be refused too, so that nothing could be told of the revocation.
REPLAYABLE = POLICY.idle_timeout / 2
_PATIENCE = 60  # seconds until a request without an answer is a failure
_PAUSE = 0.05  # seconds before what was answered 503 is asked again


@dataclass
class Tally:
    """What was seen.

    Attributes:
        seconds: How long each kind of request took.
        serials: Of the ring in use, by the worker's process id.
        kids: Of the keys whose sessions were read.
        dead: Cookies that were signed out of, with the monotonic second of the answer.
        replayed: Requests with those, at least `max_staleness` after that.
        unavailable: Answers 503, each of which was asked again.
        faults: What must not be: a session that was lost, or one that came back.
    """

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"bare": [], "read": [], "count": []}
    )
    serials: dict[int, int] = field(default_factory=dict)
    kids: set[str] = field(default_factory=set)
    sessions: int = 0
    requests: int = 0
    dead: list[tuple[str, float]] = field(default_factory=list)
    replayed: int = 0
    unavailable: int = 0
    faults: list[str] = field(default_factory=list)


class Connection:
    """One keep-alive connection at a time to a server."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._left = 0

    async def get(self, path: str, cookie: str | None) -> tuple[int, Any, str | None]:
        """Return status, what was answered, and the cookie that the answer sets."""
        if self._left == 0 or self._streams is None:
            await self.close()
            self._streams = await asyncio.open_connection(*self._address)
            self._left = PER_CONNECTION
        self._left -= 1
        reader, writer = self._streams
        line = "" if cookie is None else f"Cookie: {COOKIE}={cookie}\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: fleet\r\n{line}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self._left = 0
        status = int(head[0].split()[1])
        name, _, value = headers.get("set-cookie", "").partition(";")[0].partition("=")
        seen = json.loads(body) if status == 200 else None
        return status, seen, value if name == COOKIE else None

    async def close(self) -> None:
        """End it."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
        self._streams, self._left = None, 0


class User:
    """One browser.

    Args:
        name: Its subject.
        address: Host and port of the fleet.
        tally: Where it notes what it sees; all users share one.
        staleness: Seconds after which every server refuses a session that was signed out.
    """

    def __init__(
        self, name: str, address: tuple[str, int], tally: Tally, *, staleness: float
    ) -> None:
        self._name = name
        self._connection = Connection(*address)
        self._tally = tally
        self._staleness = staleness
        self._random = random.Random(name)  # noqa: S311  # no secret
        self._cookie: str | None = None

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connection."""
        await self._connection.close()

    async def ask(self, path: str, cookie: str | None = None) -> tuple[Any, str | None]:
        """Send a request until it is not answered 503; return answer and new cookie."""
        tally = self._tally
        while True:
            begun = perf_counter()
            async with asyncio.timeout(_PATIENCE):
                status, seen, after = await self._connection.get(path, cookie)
            tally.requests += 1
            if status == 200:
                times = tally.seconds.get(path[1:])
                if times is not None:
                    times.append(perf_counter() - begun)
                tally.serials[seen["pid"]] = seen["serial"]
                return seen, after
            if status != 503:  # Service Unavailable
                raise AssertionError(f"{path} was answered {status}")
            tally.unavailable += 1
            if path == "/sign-out":
                return None, None
            await asyncio.sleep(_PAUSE)

    async def visit(self) -> None:
        """Sign in, count, and sign out; then come back with an old cookie."""
        tally = self._tally
        _, cookie = await self.ask(f"/sign-in?{self._name}")
        tally.sessions += 1
        count = 0
        for _ in range(VISITS):
            kind = self._random.choice((BARE, "/read", "/count"))
            seen, after = await self.ask(kind, None if kind == BARE else cookie)
            if kind == BARE:
                continue
            count += kind == "/count"
            if seen["n"] != count:
                tally.faults.append(f"lost: {seen}, where n was to be {count}")
                return
            tally.kids.add(seen["kid"])
            cookie = after or cookie
        if cookie is None:
            tally.faults.append("signing in set no cookie")
            return
        seen, _ = await self.ask("/sign-out", cookie)
        if seen is not None:
            tally.dead.append((cookie, monotonic()))
        await self._come_back()

    async def _come_back(self) -> None:
        tally = self._tally
        now = monotonic()
        tally.dead = [(cookie, since) for cookie, since in tally.dead if since > now - REPLAYABLE]
        old = [cookie for cookie, since in tally.dead if since < now - self._staleness]
        for cookie in self._random.sample(old, min(3, len(old))):
            seen, _ = await self.ask("/read", cookie)
            tally.replayed += 1
            if seen["refused"] != "revoked":
                tally.faults.append(f"came back: {seen}")
