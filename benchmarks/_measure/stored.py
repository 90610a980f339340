"""Sessions of 10 and 100 kB in servers: overflowed ones, and plain ones of Flask-Session."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Protocol

import pymongo
import redis
from flask import Flask, Response
from flask.wrappers import Request
from flask_session.memcached import MemcachedSessionInterface
from flask_session.mongodb import MongoDBSessionInterface
from flask_session.redis import RedisSessionInterface
from pymemcache.client.base import PooledClient

from _measure.rounds import Task
from _measure.states import STATES
from tests.servers import Memcached, Mongo, Postgres, Valkey
from tokensession import KeyRing, Overflow, Policy, SessionCodec, SessionManager
from tokensession.stores.memcached.overflow import MemcachedStore
from tokensession.stores.memcached.server import MemcachedServer
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.mongo.overflow import MongoStore
from tokensession.stores.redis.overflow import RedisStore
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.overflow import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from tokensession.overflow.store import Store

OWN: Final = "tokensession"
PEER: Final = "plain sessions"
READ: Final = "read"
READ_ALL: Final = "read all"
WRITE: Final = "read + write"
KINDS: Final = (READ, READ_ALL, WRITE)
SIZES: Final = {"10 kB": 3, "100 kB": 40}  # carts of the largest state
_PATIENCE: Final = 60  # seconds, for a machine that is busy
_BROWSER: Final = {"HTTP_HOST": "shop.example.com", "wsgi.url_scheme": "https"}


class Interface(Protocol):
    """What a Flask application opens and saves sessions by."""

    def open_session(self, app: Flask, request: Request) -> Any:
        """Return the session of a request."""

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write it, and the response's headers."""


@dataclass(frozen=True)
class Place:
    """A server, with the clients that keep sessions in it.

    Attributes:
        name: The server's.
        url: Where it is, of a server that other clients ask as well.
        own: Where states overflow to.
        peer: The plain sessions of the same client, where there are any.
    """

    name: str
    own: Store
    peer: Callable[[Flask], Interface] | None
    url: str = ""


def state(size: str) -> dict[str, Any]:
    """Return a state of about that size."""
    account = STATES[-1].value
    return {**account, "carts": [account["cart"]] * SIZES[size]}


# What is asked for: a value, or also the nine tenths that are in carts.
KEYS: Final = {READ: ("user_id",), READ_ALL: ("user_id", "name", "cart", "carts", "flash")}


def places(stack: ExitStack) -> list[Place]:
    """Start the servers, and stop them with the stack."""
    folder = stack.enter_context(TemporaryDirectory())
    valkey, memcached = stack.enter_context(Valkey()), stack.enter_context(Memcached())
    postgres, mongo = stack.enter_context(Postgres()), stack.enter_context(Mongo())
    redis_client = redis.Redis.from_url(valkey.url)
    memcached_client = PooledClient(f"unix:{memcached.socket}", default_noreply=False)
    mongo_client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo.url)
    for client in (redis_client, memcached_client, mongo_client):
        stack.callback(client.close)
    found = [
        Place("memory", MemoryStore(), None),
        Place("SQLite", SQLStore(Database(f"sqlite:///{folder}/x.db", timeout=_PATIENCE)), None),
        Place("PostgreSQL", SQLStore(Database(postgres.url, timeout=_PATIENCE)), None),
        Place("Valkey", RedisStore(RedisServer(valkey.url, timeout=_PATIENCE)),
              lambda app: RedisSessionInterface(app, client=redis_client), valkey.url),
        Place("Memcached", MemcachedStore(MemcachedServer(memcached.url, timeout=_PATIENCE)),
              lambda app: MemcachedSessionInterface(app, client=memcached_client)),
        Place("MongoDB's wire", MongoStore(MongoDatabase(mongo.url, timeout=_PATIENCE)),
              lambda app: MongoDBSessionInterface(app, client=mongo_client)),
    ]  # fmt: skip
    for place in found:
        place.own.create()
        if not isinstance(place.own, MemoryStore):
            stack.callback(place.own.close)  # type: ignore[attr-defined]  # all others have it
    return found


def tasks(found: Sequence[Place]) -> list[Task]:
    """Return what is to be timed, after making sure that each lane does it."""
    made = []
    for place in found:
        for size in SIZES:
            lanes: list[_Own | _Peer] = [_Own(place.own, size)]
            if place.peer is not None:
                lanes.append(_Peer(place.peer, size))
            for lane in lanes:
                made += [Task(group(place.name, size, kind), lane.name, lane.prepare(kind))
                         for kind in KINDS]  # fmt: skip
    return made


def group(place: str, size: str, kind: str) -> str:
    """Return the name of what is compared."""
    return f"{place}, {size}, {kind}"


class _Own:
    """A manager whose states overflow, and the cookie of one session."""

    name = OWN

    def __init__(self, store: Store, size: str) -> None:
        codec: SessionCodec[Any] = SessionCodec(
            KeyRing.generate(), policy=Policy.owasp(), overflow=Overflow(store)
        )
        self._manager = SessionManager(codec)
        self._cookie = b""
        session = self._manager.open([])
        session.update(state(size))
        headers: list[tuple[bytes, bytes]] = []
        self._manager.save(session, headers)
        self._cookie = dict(headers)[b"set-cookie"].partition(b";")[0]
        assert len(self._cookie) < 500  # noqa: PLR2004  # it has overflowed
        self._write(None)

    def prepare(self, kind: str) -> Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]]:
        """Return the `prepare` of a task."""
        if kind == WRITE:
            return lambda calls: (self._write, [None] * calls)
        keys = KEYS[kind]
        return lambda calls: (self._read, [keys] * calls)

    def _read(self, keys: Sequence[str]) -> None:
        session = self._manager.open([(b"cookie", self._cookie)])
        assert all(session[key] for key in keys)
        headers: list[tuple[bytes, bytes]] = []
        self._manager.save(session, headers)
        assert len(headers) == 1

    def _write(self, _: object) -> None:
        session = self._manager.open([(b"cookie", self._cookie)])
        session["seen_at"] += 1
        headers: list[tuple[bytes, bytes]] = []
        self._manager.save(session, headers)
        self._cookie = dict(headers)[b"set-cookie"].partition(b";")[0]


class _Peer:
    """A Flask application whose sessions are in a server, and the cookie of one of them."""

    name = PEER

    def __init__(self, interface: Callable[[Flask], Interface], size: str) -> None:
        self._app = Flask("shop")
        # Otherwise each request would write all of its session; ours writes what has changed.
        self._app.config |= {"SESSION_REFRESH_EACH_REQUEST": False, "SESSION_COOKIE_SECURE": True}
        self._app.permanent_session_lifetime = timedelta(seconds=1800)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._sessions = interface(self._app)
        session = self._sessions.open_session(self._app, self._request(""))
        session.update(state(size))
        self._save(session)
        self._cookie = f"{self._app.config['SESSION_COOKIE_NAME']}={session.sid}"
        before = self._open()["seen_at"]
        self._write((self._request(self._cookie), Response(), ()))
        assert self._open()["seen_at"] == before + 1

    def prepare(self, kind: str) -> Callable[[int], tuple[Callable[[Any], object], Sequence[Any]]]:
        """Return the `prepare` of a task; Flask makes request and response in any case."""
        call = self._write if kind == WRITE else self._read
        keys = KEYS.get(kind, ())
        return lambda calls: (
            call, [(self._request(self._cookie), Response(), keys) for _ in range(calls)]
        )  # fmt: skip

    def _request(self, cookie: str) -> Request:
        return Request({**_BROWSER, "HTTP_COOKIE": cookie})

    def _open(self) -> Any:
        return self._sessions.open_session(self._app, self._request(self._cookie))

    def _save(self, session: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # utcnow() is deprecated
            self._sessions.save_session(self._app, session, Response())

    def _read(self, messages: tuple[Request, Response, Sequence[str]]) -> None:
        request, response, keys = messages
        session = self._sessions.open_session(self._app, request)
        assert all(session[key] for key in keys)
        self._sessions.save_session(self._app, session, response)

    def _write(self, messages: tuple[Request, Response, Sequence[str]]) -> None:
        request, response, _ = messages
        session = self._sessions.open_session(self._app, request)
        session["seen_at"] += 1
        self._sessions.save_session(self._app, session, response)
