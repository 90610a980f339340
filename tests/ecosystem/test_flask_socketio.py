"""Flask-SocketIO: a socket reads the session of its handshake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser

CONNECT, EVENT, REFUSED = "40", "42", "44"  # packets of Socket.IO, as messages of Engine.IO


@pytest.fixture(scope="module")
def chat(serve: Callable[..., str]) -> str:
    """Give the address of the chat."""
    return serve("flask", "wsgi", "flask_socketio")


class Socket:
    """A socket of Socket.IO over HTTP long polling, without its client's library."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._query = {"EIO": "4", "transport": "polling"}
        opened = browser.get("/socket.io/", params=self._query)
        self._query["sid"] = json.loads(opened.text[1:])["sid"]
        self._send(CONNECT)
        (self.answer,) = self._receive()

    def _send(self, packet: str) -> None:
        assert self._browser.post("/socket.io/", params=self._query, content=packet).text == "OK"

    def _receive(self) -> list[str]:
        return self._browser.get("/socket.io/", params=self._query).text.split("\x1e")

    def emit(self, *event: str) -> None:
        """Send an event: its name and what it is given."""
        self._send(EVENT + json.dumps(event))

    def event(self) -> Any:
        """Return the next event that the server sends."""
        (packet,) = self._receive()
        return json.loads(packet.removeprefix(EVENT))


def test_a_copied_cookie_is_dead_after_logout(chat: str, browser: Callable[[str], Browser]) -> None:
    """A socket has a copy of the session; after the sign-out no new socket is let in."""
    ada = browser(chat)
    assert Socket(ada).answer.startswith(REFUSED)
    ada.post("/login", data={"name": "ada"})
    socket = Socket(ada)
    assert socket.answer.startswith(CONNECT)
    for what, remembered in (("one", ["one"]), ("two", ["one", "two"])):
        socket.emit("say", what)
        assert socket.event() == ["said", ["ada", *remembered]]
    socket.emit("leave")
    assert "sign out in a view" in str(socket.event())
    assert ada.get("/said").text == "None"
    thief = ada.copied()
    ada.post("/logout")
    assert Socket(ada).answer.startswith(REFUSED)
    assert Socket(thief).answer.startswith(REFUSED)


def test_a_socket_sees_the_sign_out(
    serve: Callable[..., str], browser: Callable[[str], Browser]
) -> None:
    """Where sockets have no copies, each event reads the session, and none can change it."""
    ada = browser(serve("flask", "wsgi", "flask_socketio", SESSIONS="read"))
    ada.post("/login", data={"name": "ada"})
    socket = Socket(ada)
    socket.emit("say", "one")
    assert socket.event() == ["said", ["ada", "one"]]
    assert ada.get("/said").text == "None"
    socket.emit("ask")
    assert socket.event() == ["is", "ada"]
    ada.post("/logout")
    socket.emit("ask")
    assert socket.event() == ["is", "no user"]
