"""NiceGUI on FastAPI: its storages and its events over WebSockets are on our session alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def counter(serve: Callable[..., str]) -> str:
    """Give the address of the counter."""
    return serve("nicegui", "asgi", "nicegui")


def seen(one: Browser, path: str = "/", method: str = "GET") -> str:
    """Return the sentence of a page."""
    (sentence,) = re.findall(r'"([^"]* was here [^"]*)"', one.request(method, path).text)
    return str(sentence)


def click(one: Browser) -> str:
    """Open a page, click its button, and return what its WebSocket tells then."""
    page = one.get("/").text
    (client,) = re.findall(r"'client_id': '([^']*)'", page)
    (number, listener) = re.findall(r'"(\d+)":{"tag":"q-btn".*?"listener_id":"([^"]*)"', page)[0]
    query: dict[str, Any] = {"EIO": 4, "transport": "websocket", "client_id": client}
    query |= {"next_message_id": 0, "implicit_handshake": "true", "tab_id": "t", "document_id": "d"}
    url = str(one.base_url).replace("http", "ws", 1)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in one.jar)
    with connect(
        f"{url}/_nicegui_ws/socket.io/?{urlencode(query)}", additional_headers={"Cookie": cookies}
    ) as socket:
        socket.send("40")  # of Socket.IO: connect
        event = {"id": int(number), "client_id": client, "listener_id": listener, "args": []}
        while not str(heard := socket.recv()).startswith("40"):
            pass
        socket.send("42" + json.dumps(["event", event]))
        while "has clicked" not in str(heard):
            heard = socket.recv(timeout=60)
        return str(re.findall(r'"([^"]* has clicked [^"]*)"', str(heard))[0])


def test_a_copied_cookie_is_dead_after_logout(
    counter: str, browser: Callable[[str], Browser]
) -> None:
    """The user's storage belongs to the session, which ends for every copy of its cookie."""
    ada = browser(counter)
    assert seen(ada) == "None was here 1 times"
    assert seen(ada) == "None was here 2 times"
    planted = ada.copied()
    assert seen(ada, "/login?name=ada", "POST") == "ada was here 1 times"
    assert seen(planted) == "None was here 1 times"
    assert click(ada) == "ada has clicked 1 times"
    assert click(ada) == "ada has clicked 2 times"
    assert [cookie.name for cookie in ada.jar] == ["__Host-session"]
    thief = ada.copied()
    assert click(thief) == "ada has clicked 3 times"
    assert seen(ada, "/logout", "POST") == "None was here 1 times"
    assert seen(thief) == "None was here 1 times"
    assert seen(ada, "/login?name=ada", "POST") == "ada was here 1 times"
    assert click(thief) == "None has clicked 1 times"
