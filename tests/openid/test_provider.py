"""A real OpenID provider: what it logs out is signed out here.

The provider is oidc-provider for Node. It signs users in by the code flow, and calls the
application's endpoint when they log out.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.adapters.servers import serve_asgi, serve_wsgi
from tests.ecosystem.browsers import Browser
from tokensession import KeyRing, SessionCodec, SessionManager, stores
from tokensession.openid.back_channel import BackChannelLogout
from tokensession.revocation.replica import Replica

from .site import CLIENT, SECRET, OpenID, fastapi_app, flask_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROVIDER = Path(__file__).parent / "provider" / "provider.js"


class Late:
    """An application that is made after its server listens: the provider must know its address."""

    app: Any

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve as an ASGI application."""
        await self.app(scope, receive, send)

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        """Serve as a WSGI application."""
        return self.app(environ, start_response)


@pytest.fixture
def start() -> Iterator[Callable[[str], str]]:
    """Give a function that starts a provider for an application's address."""
    running: list[subprocess.Popen[str]] = []

    def start_provider(url: str) -> str:
        client = {
            "client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [f"{url}/callback"],
            "backchannel_logout_uri": f"{url}/logout", "backchannel_logout_session_required": True,
        }  # fmt: skip
        command = ["node", str(PROVIDER), json.dumps([client])]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer, process.communicate()[1]
        return str(issuer)

    yield start_provider
    for process in running:
        process.kill()
        process.communicate()


def sign_in(browser: Browser, name: str) -> None:
    """Sign in at the provider, by its pages, and come back."""
    page = browser.get("/login")
    page = browser.submit(str(page.url), {"login": name, "password": "any"})
    if "/interaction/" in page.url.path:  # the provider asks for consent
        browser.submit(str(page.url))


def sign_out(browser: Browser, issuer: str) -> None:
    """Log out at the provider, by its page."""
    browser.submit(f"{issuer}/session/end", {"logout": "yes"})


@pytest.mark.parametrize("kind", ["fastapi", "flask"])
def test_a_log_out_at_the_provider(kind: str, start: Callable[[str], str]) -> None:
    """Every copy of the cookie that was signed in with that session is dead; others live."""
    late = Late()
    serve: Any = serve_asgi(late.asgi) if kind == "fastapi" else serve_wsgi(late.wsgi)
    with serve as site:
        issuer = start(site.url)
        store = stores.connect("memory:")
        replica = Replica(store.revocations())
        codec = SessionCodec(KeyRing.generate(), revocation=replica, directory=store.directory())
        logout = BackChannelLogout(codec, issuer=issuer, audience=CLIENT, keys=f"{issuer}/jwks")
        openid = OpenID(issuer, f"{site.url}/callback")
        make = fastapi_app if kind == "fastapi" else flask_app
        late.app = make(openid, SessionManager(codec), logout)
        names = {"desk": "ada", "phone": "ada", "another's": "bob"}
        with ExitStack() as stack:
            browsers = {one: stack.enter_context(Browser(site.url)) for one in names}
            for one, browser in browsers.items():
                sign_in(browser, names[one])
            assert [one.get("/").text for one in browsers.values()] == ["ada", "ada", "bob"]
            thief = stack.enter_context(browsers["desk"].copied())
            sign_out(browsers["desk"], issuer)
            replica.read()
            assert thief.get("/").text == "None"
            assert [one.get("/").text for one in browsers.values()] == ["None", "ada", "bob"]
        assert [len(codec.sessions(name)) for name in ("ada", "bob")] == [1, 1]
        replica.close()
