"""Sessions of 10 and 100 kB in Redis behind ASGI: overflowed ones, and those of starsessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from redis.asyncio import Redis
from starlette.requests import HTTPConnection
from starsessions import SessionMiddleware as PeerMiddleware
from starsessions import load_session
from starsessions.stores.redis import RedisStore as PeerStore

from _measure.rounds import Task
from _measure.stored import KEYS, KINDS, OWN, PEER, SIZES, WRITE, state
from tokensession import KeyRing, Overflow, Policy, SessionCodec, SessionManager
from tokensession.adapters.asgi import SessionMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import ExitStack

    from tokensession.overflow.store import Store

PLACE: Final = "Valkey, ASGI"
IDLE: Final = 1800  # seconds


def tasks(stack: ExitStack, url: str, store: Store) -> list[Task]:
    """Return what is to be timed, after making sure that each lane does it.

    Args:
        stack: Closes what is opened.
        url: Of the server, for the peer.
        store: Where ours overflows to, in the same server.
    """
    loop = Loop(stack, url)
    made = []
    for size in SIZES:
        lanes: list[tuple[str, _Site]] = [(OWN, Own(loop, store, size)), (PEER, Peer(loop, size))]
        for name, site in lanes:
            made += [Task(f"{PLACE}, {size}, {kind}", name, site.prepare(kind)) for kind in KINDS]
    return made


class Loop:
    """An event loop for all lanes, and the client of the peer's sessions."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        client = Redis.from_url(url)
        stack.callback(lambda: self._runner.run(client.aclose()))
        self.peer_store = PeerStore(connection=client)

    def run(self, awaitable: Awaitable[None]) -> None:
        """Wait for something."""

        async def wait() -> None:
            await awaitable

        self._runner.run(wait())


class _Site:
    """An application behind a middleware, and the cookie of one session."""

    def __init__(self, loop: Loop, size: str) -> None:
        self._loop = loop
        self._headers: list[tuple[bytes, bytes]] = []
        self._app = self.middleware()
        self._ask({"begin": size})
        before = self._ask({})
        self._ask({"write": True})
        assert self._ask({}) == before + 1

    def middleware(self) -> Any:
        """Return the application within the middleware."""
        raise NotImplementedError

    async def session(self, scope: Any) -> Any:
        """Return the session of a request."""
        raise NotImplementedError

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002  # as ASGI calls it
        """Read what is asked for or, where it is told to, raise a number."""
        session, task = await self.session(scope), scope["task"]
        if "begin" in task:
            session.update(state(task["begin"]))
        elif "write" in task:
            session["seen_at"] += 1
        assert all(session[key] for key in task.get("keys", ()))
        task["seen"] = session["seen_at"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def prepare(self, kind: str) -> Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]]:
        """Return the `prepare` of a task."""
        task = {"write": True} if kind == WRITE else {"keys": KEYS[kind]}
        return lambda calls: (self._ask, [dict(task) for _ in range(calls)])

    def _ask(self, task: dict[str, Any]) -> int:
        scope = {"type": "http", "method": "GET", "path": "/", "root_path": "",
                 "headers": list(self._headers), "task": task}  # fmt: skip
        self._loop.run(self._app(scope, None, self._receive_response))
        seen: int = task["seen"]
        return seen

    async def _receive_response(self, message: Any) -> None:
        for name, value in message.get("headers", ()):
            if name == b"set-cookie":
                self._headers = [(b"cookie", value.partition(b";")[0])]


class Own(_Site):
    """One whose states overflow."""

    def __init__(self, loop: Loop, store: Store, size: str) -> None:
        codec: SessionCodec[Any] = SessionCodec(
            KeyRing.generate(), policy=Policy.owasp(), overflow=Overflow(store)
        )
        self._manager = SessionManager(codec)
        super().__init__(loop, size)

    def middleware(self) -> Any:
        """Return ours."""
        return SessionMiddleware(self.answer, self._manager)

    async def session(self, scope: Any) -> Any:
        """Return it; it has been read ahead."""
        return scope["session"]


class Peer(_Site):
    """One whose sessions are in the server."""

    def middleware(self) -> Any:
        """Return theirs; a session that it has loaded is written with every response."""
        return PeerMiddleware(self.answer, store=self._loop.peer_store, lifetime=IDLE)

    async def session(self, scope: Any) -> Any:
        """Load it."""
        connection = HTTPConnection(scope)
        await load_session(connection)
        return connection.session
