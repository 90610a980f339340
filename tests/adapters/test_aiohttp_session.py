"""What packages that are built on aiohttp-session find in the session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import aiohttp_security
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp_security.abc import AbstractAuthorizationPolicy
from aiohttp_session import Session as SessionOfPackage
from aiohttp_session import SimpleCookieStorage, session_middleware
from aiohttp_session import get_session as get_session_of_package
from aiohttp_session import new_session as new_session_of_package

from tokensession import ConfigError, Cookie, KeyRing, SessionCodec, SessionManager
from tokensession.adapters.aiohttp import get_session, setup
from tokensession.adapters.aiohttp_session import Session
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.testing import session_cookie, set_on_aiohttp

Story = Callable[[TestClient[Any, Any], Callable[[], str]], Awaitable[None]]
KEY = "AIOHTTP_SECURITY"
COOKIE = Cookie(name="session", http_development=True)  # as the test server has no https


class Anyone(AbstractAuthorizationPolicy):
    """Lets anyone in who has an identity."""

    async def authorized_userid(self, identity: str) -> str | None:
        """Return the identity."""
        return identity

    async def permits(self, identity: str | None, permission: Any, context: Any = None) -> bool:
        """Permit it."""
        return identity is not None


class Shop:
    """An application with aiohttp-security over a revocation list."""

    def __init__(self, key: str = KEY) -> None:
        self.store = MemoryStore()
        self.manager: SessionManager[Any] = SessionManager(
            KeyRing.generate(), cookie=COOKIE, revocation=self.store
        )
        self.app = web.Application()
        setup(self.app, self.manager)
        policy = aiohttp_security.SessionIdentityPolicy(key)
        aiohttp_security.setup(self.app, policy, Anyone())
        for path, handler in {
            "/": self.home, "/in/{name}": self.sign_in, "/out": self.sign_out, "/cart": self.cart,
        }.items():  # fmt: skip
            self.app.router.add_get(path, handler)

    async def home(self, request: web.Request) -> web.Response:
        """Answer who has signed in."""
        session = await get_session_of_package(request)
        user = await aiohttp_security.authorized_userid(request)
        return web.json_response({"user": user, "state": dict(session)})

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign in."""
        response = web.Response()
        await aiohttp_security.remember(request, response, request.match_info["name"])
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """Sign out."""
        response = web.Response()
        await aiohttp_security.forget(request, response)
        return response

    async def cart(self, request: web.Request) -> web.Response:
        """Put something into the session."""
        (await get_session_of_package(request))["cart"] = [1]
        return web.Response()

    def run(
        self, story: Callable[[TestClient[Any, Any], Callable[[], str]], Awaitable[None]]
    ) -> None:
        """Let a browser act; it is given a way to its token."""

        async def act() -> None:
            async with TestClient(TestServer(self.app)) as client:

                def token() -> str:
                    return next(c.value for c in client.session.cookie_jar if c.key == "session")

                await story(client, token)

        asyncio.run(act())


async def ask(client: TestClient[Any, Any], token: str | None = None) -> Any:
    """Return who has signed in, by the client's own cookie or by a copy."""
    if token is not None:
        client.session.cookie_jar.clear()
        client.session.cookie_jar.update_cookies({"session": token}, client.make_url("/"))
    return await (await client.get("/")).json()


@pytest.mark.parametrize("key", [KEY, "who"])
def test_signing_in_and_out_is_real(key: str) -> None:
    """The subject is the identity, the rest of the state stays, and a copy is dead afterwards."""
    shop = Shop(key)
    codec: SessionCodec[Any] = shop.manager.codec

    async def story(client: TestClient[Any, Any], token: Callable[[], str]) -> None:
        await client.get("/cart")
        before = codec.decode(token())
        await client.get("/in/ada")
        stolen = token()
        after = codec.decode(stolen)
        assert (after.subject, after.state["cart"]) == ("ada", [1])
        assert after.sid != before.sid
        assert (await ask(client))["user"] == "ada"
        await client.get("/out")
        assert await ask(client) == {"user": None, "state": {"cart": [1]}}
        assert (await ask(client, stolen))["user"] is None

    shop.run(story)


def test_another_identity_begins_empty() -> None:
    """Nothing of the former user's session is inherited."""
    shop = Shop()

    async def story(client: TestClient[Any, Any], token: Callable[[], str]) -> None:
        await client.get("/in/ada")
        await client.get("/cart")
        stolen = token()
        await client.get("/in/bob")
        assert await ask(client) == {"user": "bob", "state": {"AIOHTTP_SECURITY": "bob"}}
        assert (await ask(client, stolen))["user"] is None

    shop.run(story)


def test_a_user_who_becomes_another_user() -> None:
    """What the request sets before it remembers the other user is kept."""
    shop = Shop()

    async def become(request: web.Request) -> web.Response:
        (await get_session_of_package(request))["real"] = "ada"
        return await shop.sign_in(request)

    shop.app.router.add_get("/become/{name}", become)

    async def story(client: TestClient[Any, Any], _: Callable[[], str]) -> None:
        await client.get("/in/ada")
        await client.get("/cart")
        await client.get("/become/bob")
        state = {"real": "ada", "AIOHTTP_SECURITY": "bob"}
        assert await ask(client) == {"user": "bob", "state": state}

    shop.run(story)


@pytest.mark.parametrize("first", [True, False])
def test_the_packages_own_middleware_beside_ours(*, first: bool, caplog: Any) -> None:
    """The error says which of the two to remove."""
    shop = Shop()
    middleware = session_middleware(SimpleCookieStorage())
    shop.app.middlewares.insert(0 if first else len(shop.app.middlewares), middleware)

    async def story(client: TestClient[Any, Any], _: Callable[[], str]) -> None:
        assert (await client.get("/cart")).status == 500

    shop.run(story)
    assert "remove aiohttp_session.setup(...)" in caplog.text


class Role(StrEnum):
    """A user of an enum."""

    CLERK = "clerk"


@pytest.mark.parametrize("identity", ["None", Role.CLERK, 7, "7"])
def test_each_identity_signs_in_every_time(identity: Any) -> None:
    """Under a new id, so that the user has authenticated again."""
    session = Session(Shop().manager, (), None)
    ids = set()
    for _ in range(2):
        session["AIOHTTP_SECURITY"] = identity
        assert session.subject == identity
        ids.add(session.sid)
    assert len(ids) == 2


@pytest.mark.parametrize("way", ["del", "pop", "popitem", "None"])
def test_each_way_to_take_the_identity_out_signs_out(way: str) -> None:
    """A session without the key has no subject."""
    session = Session(Shop().manager, (), None)
    session["AIOHTTP_SECURITY"] = "ada"
    former = session.sid
    ways: dict[str, Callable[[], object]] = {
        "del": lambda: session.__delitem__("AIOHTTP_SECURITY"),
        "pop": lambda: session.pop("AIOHTTP_SECURITY"),
        "popitem": session.popitem,
        "None": lambda: session.__setitem__("AIOHTTP_SECURITY", None),
    }
    ways[way]()
    assert session.subject is None
    assert session.sid != former


def test_the_members_of_aiohttp_session() -> None:
    """Each does or tells what its name says, or raises."""
    seen: dict[str, Any] = {}

    async def view(request: web.Request) -> web.Response:
        session = await get_session(request)
        seen.update(new=session.new, empty=session.empty, created=session.created)
        session["a"] = 1
        session.max_age = 60
        seen.update(max_age=session.max_age, identity=session.identity)
        session.max_age = None
        session.changed()
        seen.update(default=session.max_age, changed=session.modified)
        with pytest.raises(ConfigError, match="call regenerate"):
            session.set_new_identity("mine")
        session.invalidate()
        seen.update(left=dict(session), other=session.identity != seen["identity"])
        return web.Response()

    manager: SessionManager[Any] = SessionManager(KeyRing.generate(), cookie=COOKIE)
    app = web.Application()
    setup(app, manager)
    app.router.add_get("/", view)

    async def act() -> None:
        async with TestClient(TestServer(app)) as client:
            await client.get("/")
            assert (seen["new"], seen["empty"], seen["max_age"], seen["default"]) == (
                True, True, 60, 1800,
            )  # fmt: skip
            assert (seen["changed"], seen["left"], seen["other"]) == (True, {}, True)
            cookie = session_cookie(manager, state={"b": 1})
            set_on_aiohttp(client, cookie)
            await client.get("/")
            assert (seen["new"], seen["empty"]) == (False, False)

    asyncio.run(act())


def test_a_new_session_by_the_packages_function() -> None:
    """It is a session of the package's, and the former one has ended."""
    shop = Shop()

    async def renew(request: web.Request) -> web.Response:
        session = await new_session_of_package(request)
        assert isinstance(session, SessionOfPackage)
        assert session is await get_session_of_package(request)
        session["fresh"] = True
        return web.Response()

    shop.app.router.add_get("/renew", renew)

    async def story(client: TestClient[Any, Any], token: Callable[[], str]) -> None:
        await client.get("/in/ada")
        stolen = token()
        await client.get("/renew")
        assert await ask(client) == {"user": None, "state": {"fresh": True}}
        assert (await ask(client, stolen))["user"] is None

    shop.run(story)


def test_a_change_takes_the_place_of_the_cookie_that_was_set() -> None:
    """The client of a test sends one cookie afterwards."""
    manager: SessionManager[Any] = SessionManager(KeyRing.generate(), cookie=COOKIE)

    async def add(request: web.Request) -> web.Response:
        session = await get_session(request)
        session["cart"] = session.get("cart", 0) + 1
        return web.json_response([session["cart"], request.headers["Cookie"].count("session=")])

    app = web.Application()
    setup(app, manager)
    app.router.add_get("/", add)

    async def act() -> list[Any]:
        async with TestClient(TestServer(app)) as client:
            set_on_aiohttp(client, session_cookie(manager, state={"cart": 1}))
            return [await (await client.get("/")).json() for _ in range(3)]

    assert asyncio.run(act()) == [[2, 1], [3, 1], [4, 1]]
