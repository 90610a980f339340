"""A shop with aiohttp-security, as its documentation shows it."""

from __future__ import annotations

from aiohttp import web
from aiohttp_security import (
    SessionIdentityPolicy,
    check_authorized,
    check_permission,
    forget,
    remember,
)
from aiohttp_security import setup as setup_security
from aiohttp_security.abc import AbstractAuthorizationPolicy

from tokensession import KeyRing, stores
from tokensession.adapters.aiohttp import get_session, setup

keys = KeyRing.generate()
store = stores.connect("memory:")


class Policy(AbstractAuthorizationPolicy):
    """Knows two users, one of whom sells."""

    async def authorized_userid(self, identity: str) -> str | None:
        """Return the user's id."""
        return identity if identity in ("ada", "bob") else None

    async def permits(self, identity: str | None, permission: str, context: object = None) -> bool:
        """Tell whether a user may do something."""
        return identity == "ada" and permission == "sell"


async def login(request: web.Request) -> web.Response:
    """Sign in."""
    answer = web.HTTPFound("/account")
    await remember(request, answer, (await request.post())["name"])
    raise answer


async def account(request: web.Request) -> web.Response:
    """Show who has signed in, and count the visits."""
    user = await check_authorized(request)
    session = await get_session(request)
    session["visits"] = session.get("visits", 0) + 1
    return web.Response(text=f"{user}, {session['visits']}, {session.subject}")


async def sell(request: web.Request) -> web.Response:
    """Do what some users may."""
    await check_permission(request, "sell")
    return web.Response(text="sold")


async def logout(request: web.Request) -> web.Response:
    """Sign out."""
    answer = web.Response(text="bye")
    await forget(request, answer)
    return answer


app = web.Application()
app.add_routes(
    [
        web.post("/login", login),
        web.get("/account", account),
        web.post("/sell", sell),
        web.post("/logout", logout),
    ]
)
setup(app, keys, revocation=store.revocations())
setup_security(app, SessionIdentityPolicy(), Policy())
