"""Revocation in a web application: what ends with a response, and what a failing store does."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from tokensession import (
    ConfigError,
    KeyRing,
    Overflow,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    StoreError,
)
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.revocation.lookup import Lookup
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.overflow import MemoryStore as OverflowStore
from tokensession.stores.memory.revocation import MemoryStore

from .recording import RecordingStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from tokensession.revocation.lookup import Check

RING = KeyRing.generate()
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)
NAME = "__Host-session"
WRITES = {"deny", "replace", "mark"}


class Store(RecordingStore):
    """A store that can be taken down, and notes in which threads it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self.threads: set[int] = set()

    def _called(self, call: str) -> None:
        self.threads.add(threading.get_ident())
        if call in self.down:
            raise StoreError("the store is down")


async def show(request: Request) -> JSONResponse:
    """Show whose session it is, and why there is none."""
    session: Any = request.session
    return JSONResponse([session.subject, session.refused, dict(session)])


async def act(request: Request) -> JSONResponse:
    """Do what the query names, in its order."""
    session: Any = request.session
    for verb, value in request.query_params.multi_items():
        if verb == "sign_in":
            session.sign_in(value)
        elif verb == "set":
            session["n"] = value
        elif verb == "confirm":
            await asyncio.to_thread(session.confirm)
        else:
            getattr(session, verb)()
    return JSONResponse([session.subject])


async def plain(request: Request) -> JSONResponse:
    """Touch no session."""
    return JSONResponse("plain")


async def careful(request: Request) -> JSONResponse:
    """Answer a failing store itself."""
    session: Any = request.session
    try:
        subject = session.subject
    except StoreError:
        return JSONResponse("later", status_code=200)
    return JSONResponse(subject)


async def talk(socket: WebSocket) -> None:
    """Say whose session it is."""
    subject = socket.scope["session"].subject
    await socket.accept()
    await socket.send_json(subject)
    await socket.close()


ROUTES = [
    Route("/", show), Route("/act", act), Route("/plain", plain), Route("/careful", careful),
    WebSocketRoute("/talk", talk),
]  # fmt: skip


class Site:
    """An application with a store, and browsers that visit it."""

    def __init__(self, revocation: Callable[[Store], Check]) -> None:
        self.store = Store()
        app = Starlette(routes=ROUTES)
        self.app = SessionMiddleware(app, RING, policy=POLICY, revocation=revocation(self.store))
        self.loop_thread = threading.get_ident()

    def get(self, path: str, cookie: str | None = None) -> httpx.Response:
        """Send a request with a cookie, and return the response."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            headers = {} if cookie is None else {"Cookie": f"{NAME}={cookie}"}
            async with httpx.AsyncClient(transport=transport, base_url="https://x") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(send())

    def talk(
        self, cookie: str, *, extensions: dict[str, Any] | None = None
    ) -> list[tuple[str, int | None]]:
        """Open a WebSocket, and return what is sent: types with code or status."""
        sent: list[tuple[str, int | None]] = []
        scope = {
            "type": "websocket",
            "path": "/talk",
            "headers": [(b"cookie", f"{NAME}={cookie}".encode())],
            "query_string": b"",
            "extensions": extensions or {},
            "subprotocols": [],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append((message["type"], message.get("code", message.get("status"))))

        asyncio.run(self.app(scope, receive, send))
        return sent

    def sign_in(self, subject: str = "ada") -> str:
        """Return the cookie of a new session."""
        return given(self.get(f"/act?sign_in={subject}"))

    def subject(self, cookie: str) -> Any:
        """Return whose session a cookie is, or why there is none."""
        subject, refused, _ = self.get("/", cookie).json()
        return refused or subject


def given(response: httpx.Response) -> str:
    """Return the cookie that a response sets, "" where it deletes it."""
    assert response.status_code == 200
    return response.cookies.get(NAME) or ""


def deletes(response: httpx.Response) -> bool:
    """Tell whether a response deletes the cookie."""
    return any("Max-Age=0" in line for line in response.headers.get_list("set-cookie"))


def fresh_replica(store: Store) -> Replica:
    """Return a replica that has read its store."""
    replica = Replica(store, refresh=1000, max_staleness=10_000)
    replica.read()
    return replica


@dataclass
class Cart:
    """A state of a type."""

    items: int = 0


@pytest.fixture(params=[Lookup, fresh_replica], ids=["lookup", "replica"])
def site(request: pytest.FixtureRequest) -> Site:
    """Give a site that asks its store, or a replica."""
    return Site(request.param)


class TestWhatEnds:
    def test_signing_out(self, site: Site) -> None:
        """Signing out deletes the cookie, and a copy of it is refused."""
        cookie = site.sign_in()
        assert site.subject(cookie) == "ada"
        assert deletes(site.get("/act?clear=", cookie))
        assert site.subject(cookie) == "revoked"

    def test_what_follows_a_sign_out(self, site: Site) -> None:
        """Is a new session, which lives."""
        cookie = site.sign_in()
        anonymous = given(site.get("/act?clear=&set=1", cookie))
        assert site.get("/", anonymous).json() == [None, None, {"n": "1"}]
        assert site.subject(cookie) == "revoked"

    def test_signing_in_over_somebody(self, site: Site) -> None:
        """Ends the former session, of the same subject or of another."""
        cookie = site.sign_in()
        again = given(site.get("/act?sign_in=ada", cookie))
        other = given(site.get("/act?sign_in=bob", again))
        found = [site.subject(one) for one in (cookie, again, other)]
        assert found == ["revoked", "revoked", "bob"]

    def test_signing_in_over_nobody(self, site: Site) -> None:
        """Ends nothing: what was anonymous is worth nothing, and costs no entry."""
        cookie = given(site.get("/act?set=1"))
        given(site.get("/act?sign_in=ada", cookie))
        assert site.get("/", cookie).json() == [None, None, {"n": "1"}]
        assert site.store.count() == (0, 0)

    def test_regenerating(self, site: Site) -> None:
        """Ends the old id; the session goes on."""
        cookie = site.sign_in()
        renewed = given(site.get("/act?regenerate=", cookie))
        assert [site.subject(one) for one in (cookie, renewed)] == ["revoked", "ada"]

    def test_regenerating_what_is_ended_meanwhile(self, site: Site) -> None:
        """Regenerating an ended session does not revive it under a new id or change the cookie."""
        cookie = site.sign_in()
        manager = SessionManager(RING, policy=POLICY, revocation=site.store)
        slow, sign_out = (
            manager.open([(b"cookie", f"__Host-session={cookie}".encode())]) for _ in range(2)
        )
        assert slow.subject == "ada"
        sign_out.clear()
        manager.save(sign_out, [])
        slow.regenerate()
        headers: list[tuple[bytes, bytes]] = []
        manager.save(slow, headers)
        assert headers == [(b"vary", b"Cookie")]

    def test_my_other_devices(self, site: Site) -> None:
        """End; this one and a new one live, and what is spared stays so under a new id."""
        phone, laptop = site.sign_in(), site.sign_in()
        assert given(site.get("/act?revoke_others=", laptop)) == ""
        tablet = site.sign_in()
        assert [site.subject(one) for one in (phone, laptop, tablet)] == ["revoked", "ada", "ada"]
        renewed = given(site.get("/act?regenerate=", laptop))
        assert [site.subject(one) for one in (laptop, renewed)] == ["revoked", "ada"]

    def test_signing_in_and_ending_the_others(self, site: Site) -> None:
        """A sign-in that ends the other sessions leaves the new session alive."""
        phone = site.sign_in()
        cookie = given(site.get("/act?sign_in=ada&revoke_others="))
        assert [site.subject(one) for one in (phone, cookie)] == ["revoked", "ada"]

    def test_all_my_devices(self, site: Site) -> None:
        """Ending the others and signing out ends all sessions, and not those of later sign-ins."""
        phone, laptop, bob = site.sign_in(), site.sign_in(), given(site.get("/act?sign_in=bob"))
        assert deletes(site.get("/act?revoke_others=&clear=", laptop))
        assert [site.subject(one) for one in (phone, laptop, bob)] == ["revoked", "revoked", "bob"]
        tablet, phone = site.sign_in(), site.sign_in()
        taken_over = given(site.get("/act?revoke_others=&sign_in=bob", tablet))
        subjects = [site.subject(one) for one in (phone, tablet, taken_over, bob)]
        assert subjects == ["revoked", "revoked", "bob", "bob"]

    def test_the_other_devices_of_two_subjects(self, site: Site) -> None:
        """Who signs in over another may ask for the same; both have asked."""
        phone, laptop, bob = site.sign_in(), site.sign_in(), given(site.get("/act?sign_in=bob"))
        manager = site.app._manager
        session = manager.open([(b"cookie", f"{NAME}={laptop}".encode())])
        session.revoke_others()
        session.sign_in("bob")
        session.revoke_others()
        manager.save(session, [])
        assert [site.subject(one) for one in (phone, bob)] == ["revoked", "revoked"]

    def test_clearing_what_was_nobodys(self, site: Site) -> None:
        """Clearing an anonymous session ends it, before a sign-in in the same request too."""
        cookie = given(site.get("/act?set=1"))
        given(site.get("/act?clear=&sign_in=ada", cookie))
        assert site.subject(cookie) == "revoked"

    def test_nothing_ends_by_reading(self, site: Site) -> None:
        """Reading, writing and clearing without a session end no session."""
        cookie = site.sign_in()
        given(site.get("/act?set=1", cookie))
        given(site.get("/act?clear="))
        given(site.get("/act?clear=", "no.to.ken"))
        given(site.get("/act?sign_in=ada&regenerate="))
        assert site.store.count() == (0, 0)

    def test_asking_now(self, site: Site) -> None:
        """A replica may be behind; its store is not."""
        cookie = site.sign_in()
        assert site.get("/act?confirm=", cookie).status_code == 200
        codec = SessionCodec(RING, policy=POLICY, revocation=site.store)
        codec.revoke(codec.decode(cookie))
        with pytest.raises(Revoked):
            raise_from(site, cookie)


def test_asking_now_after_regenerating() -> None:
    """A check after regenerating asks for the former id, because the store has no new one yet."""
    manager = SessionManager(RING, policy=POLICY, revocation=MemoryStore())
    codec = manager.codec
    session = codec.decode(codec.encode({}, subject="ada"))
    codec.revoke_subject("ada", keep=session)
    line = (b"cookie", f"__Host-session={codec.renew(session)}".encode())
    spared, ended = manager.open([line]), manager.open([line])
    assert spared.subject == ended.subject == "ada"
    spared.regenerate()
    spared.confirm()
    codec.revoke(session)
    ended.regenerate()
    with pytest.raises(Revoked):
        ended.confirm()


def raise_from(site: Site, cookie: str) -> None:
    """Ask now, and raise what the application does not answer."""
    if site.subject(cookie) == "revoked":  # a lookup has seen it already
        raise Revoked
    site.get("/act?confirm=", cookie)


class TestStateThatCannotBeRead:
    """It does not keep a session from being ended, where it is all that is wrong with it."""

    @pytest.mark.parametrize("lost", [False, True], ids=["of another type", "lost"])
    def test_signing_out(self, *, lost: bool) -> None:
        """Reading ends nothing; what takes the session's place ends it."""
        store, states = Store(), OverflowStore()
        overflow = Overflow(states) if lost else None
        codec: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=store, overflow=overflow
        )
        token = codec.encode({"items": "x" * (9000 if lost else 1)}, subject="ada")
        strict: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=store, overflow=overflow, state_type=Cart
        )
        manager = SessionManager(strict)
        sent = [(b"cookie", f"{NAME}={token}".encode())]
        states.sweep(now=2**40)

        session = manager.open(sent)
        assert session.refused == "bad_state"
        headers: list[tuple[bytes, bytes]] = []
        manager.save(session, headers)
        assert (headers, store.count()) == ([(b"vary", b"Cookie")], (0, 0))

        session = manager.open(sent)
        session.clear()
        manager.save(session, headers)
        assert b"Max-Age=0" in dict(headers)[b"set-cookie"]
        assert store.count() == (1, 0)
        with pytest.raises(Revoked):
            codec.decode(token)


class TestStoreThatIsDown:
    def test_checks(self) -> None:
        """Each use of the session is a 503 that leaves the cookie alone; other requests succeed."""
        site = Site(Lookup)
        cookie = site.sign_in()
        site.store.down = {"look_up"}
        for path in ("/", "/act?clear=", "/act?set=1", "/act?sign_in=bob"):
            response = site.get(path, cookie)
            assert response.status_code == 503
            assert "set-cookie" not in response.headers
            assert response.headers["cache-control"] == "no-store"
            assert response.text == "Service Unavailable"
        assert site.get("/plain", cookie).status_code == 200
        assert site.get("/careful", cookie).json() == "later"
        assert site.get("/").json() == [None, None, {}]
        site.store.down = set()
        assert site.subject(cookie) == "ada"

    def test_a_sign_out_that_is_not_recorded(self, site: Site) -> None:
        """503, and the cookie is deleted all the same."""
        cookie = site.sign_in()
        site.store.down = WRITES
        response = site.get("/act?clear=", cookie)
        assert response.status_code == 503
        assert deletes(response)
        site.store.down = set()
        assert site.subject(cookie) == "ada"

    @pytest.mark.parametrize("verb", ["regenerate=", "sign_in=bob", "revoke_others="])
    def test_other_verbs_that_are_not_recorded(self, site: Site, verb: str) -> None:
        """503, and the session is what it was."""
        cookie = site.sign_in()
        site.store.down = WRITES
        response = site.get(f"/act?{verb}", cookie)
        assert response.status_code == 503
        assert "set-cookie" not in response.headers
        assert site.subject(cookie) == "ada"

    def test_beginning_a_session(self) -> None:
        """Beginning a session is a 503, because the manager cannot tell whether it would live."""
        site = Site(Lookup)
        site.store.down = {"look_up"}
        assert site.get("/act?sign_in=ada").status_code == 503
        assert site.get("/act?set=1").status_code == 503

    def test_web_sockets(self) -> None:
        """Are closed before they are accepted."""
        site = Site(Lookup)
        cookie = site.sign_in()
        assert site.talk(cookie)[:2] == [("websocket.accept", None), ("websocket.send", None)]
        site.store.down = {"look_up"}
        assert site.talk(cookie) == [("websocket.close", 1013)]
        extension: dict[str, Any] = {"websocket.http.response": {}}
        assert site.talk(cookie, extensions=extension) == [
            ("websocket.http.response.start", 503), ("websocket.http.response.body", None),
        ]  # fmt: skip


def test_no_thread_for_a_request_without_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor costs the store nothing: without a token that is good so far, it is not asked."""
    site = Site(Lookup)
    cookie = site.sign_in()
    calls: list[object] = []
    to_thread = asyncio.to_thread

    async def noted(call: Any) -> Any:
        calls.append(call)
        return await to_thread(call)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    for junk in (None, "x", cookie[:-1] + ("A" if cookie[-1] != "A" else "Q")):
        assert site.get("/plain", junk).status_code == 200
    assert calls == []
    assert site.get("/plain", cookie).status_code == 200
    assert len(calls) == 1


def test_threads() -> None:
    """A store is never called in the event loop's thread; a replica's check calls none."""
    for revocation, called in ((Lookup, True), (fresh_replica, False)):
        site = Site(revocation)
        cookie = site.sign_in()
        assert site.subject(cookie) == "ada"
        assert bool(site.store.threads) == called
        site.get("/act?clear=", cookie)
        assert site.store.threads
        assert site.loop_thread not in site.store.threads


def test_without_revocation() -> None:
    """The verbs that need it say so where they are called."""
    manager = SessionManager(RING, policy=POLICY)
    session = manager.open([])
    for _ in range(2):
        with pytest.raises(ConfigError, match="revocation=store"):
            session.revoke_others()
        with pytest.raises(ConfigError, match="revocation=store"):
            session.confirm()
        session.sign_in("ada")
