"""FastHTML: its sessions, toasts and WebSockets are on ours alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser
    from .provider import Provider


@pytest.fixture(scope="module")
def shop(serve: Callable[..., str]) -> str:
    """Give the address of the shop."""
    return serve("asgi", "asgi", "fasthtml")


def counter_of(one: Browser) -> str:
    """Return what the page's WebSocket tells a browser."""
    url = str(one.base_url).replace("http", "ws", 1)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in one.jar)
    with connect(f"{url}/counter", additional_headers={"Cookie": cookies}) as socket:
        socket.send('{"HEADERS": {}}')
        return str(socket.recv())


def test_a_copied_cookie_is_dead_after_logout(shop: str, browser: Callable[[str], Browser]) -> None:
    """Logging out ends the session for every copy of its cookie, over HTTP and WebSockets."""
    ada = browser(shop)
    assert ada.get("/").url.path == "/login"
    page = ada.submit("/login", {"name": "ada"})
    assert "ada was here 1 times" in page.text
    assert "welcome, ada" in page.text
    again = ada.get("/").text
    assert "ada was here 2 times" in again
    assert "welcome, ada" not in again
    assert [cookie.name for cookie in ada.jar] == ["__Host-session"]
    assert "ada: 2" in counter_of(ada)
    thief = ada.copied()
    assert "ada was here 3 times" in thief.get("/").text
    ada.get("/logout")
    for one in (ada, thief):
        assert one.get("/").url.path == "/login"
    assert "None: None" in counter_of(thief)


def test_its_oauth_signs_in_and_out(
    serve: Callable[..., str], provider: Provider, browser: Callable[[str], Browser]
) -> None:
    """Its own sign-out ends the session for every copy of its cookie, as `logout` clears it."""
    variables = {"PROVIDER": provider.url, "OAUTHLIB_INSECURE_TRANSPORT": "1"}
    ada = browser(serve("asgi", "asgi", "fasthtml_oauth", **variables))
    assert "id-of-ada is ada and id-of-ada" in ada.get("/").text
    assert "the provider says denied" in ada.get("/redirect?error=denied").text
    thief = ada.copied()
    assert "id-of-ada is ada" in thief.get("/").text
    assert "bye" in ada.get("/logout").text
    for one in (ada, thief):
        assert "/authorize" in one.get("/login", follow_redirects=False).headers["location"]
        assert one.get("/", follow_redirects=False).headers["location"] == "/login"
