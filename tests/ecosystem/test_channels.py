"""Channels: WebSockets read the session of their handshake, and sign out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from .browsers import PATIENCE
from .django_pages import seen, sign_in, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.sync.client import ClientConnection

    from .browsers import Browser


@pytest.fixture(scope="module")
def site(serve: Callable[..., str]) -> str:
    """Give the address of the site."""
    return serve("django", "asgi", "channels")


def talk(browser: Browser) -> ClientConnection:
    """Open a WebSocket with a browser's cookies."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.jar)
    url = str(browser.base_url.copy_with(scheme="ws", path="/chat"))
    return connect(url, additional_headers={"Cookie": cookies}, open_timeout=PATIENCE)


def ask(socket: ClientConnection, message: str) -> Any:
    """Send a message, and return the answer to it."""
    socket.send(json.dumps(message))
    return json.loads(socket.recv(PATIENCE))


def test_a_conversation(site: str, browser: Callable[[str], Browser]) -> None:
    """Signing out in it ends the session, and a copied cookie is dead."""
    ada = browser(site)
    with talk(ada) as socket:
        assert ask(socket, "who") == ["", None]
    sign_in(ada)
    ada.get("/paint")
    thief = ada.copied()
    with talk(ada) as socket:
        assert ask(socket, "who") == ["ada", "red"]
        assert ask(socket, "sign out") == "bye"
        assert ask(socket, "who") == ["", None]
    for stale in (ada, thief):
        assert who(stale) is None
        with talk(stale) as socket:
            assert ask(socket, "who") == ["", None]


def test_a_change_that_no_response_carries(site: str, browser: Callable[[str], Browser]) -> None:
    """Saving it raises, so the conversation ends, and the session is as it was."""
    ada = browser(site)
    sign_in(ada)
    with talk(ada) as socket, pytest.raises(ConnectionClosedError):
        ask(socket, "change")
    assert seen(ada) == {"user": "ada", "subject": "1", "session": {}}
