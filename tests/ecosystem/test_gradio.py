"""Gradio on FastAPI: its event handlers read the session, although they run after the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


@pytest.fixture(scope="module")
def greeter(serve: Callable[..., str]) -> str:
    """Give the address of the greeter."""
    return serve("gradio", "asgi", "gradio")


def call(one: Browser, path: str, *data: Any) -> str:
    """Return what an event handler tells a browser."""
    event = one.post(path, json={"data": data}).json()["event_id"]
    return one.get(f"{path}/{event}").text


def test_a_copied_cookie_is_dead_after_logout(
    greeter: str, browser: Callable[[str], Browser]
) -> None:
    """Events see who has signed in, until the session ends for every copy of its cookie."""
    ada = browser(greeter)
    hello, count = "/greeter/gradio_api/call/greet", "/greeter/gradio_api/call/count"
    who = "/for-all/gradio_api/call/who"
    assert ada.post(hello, json={"data": ["hello"]}).status_code == 401
    assert '"None"' in call(ada, who)
    ada.post("/login?name=ada")
    assert "hello, ada is ada" in call(ada, hello, "hello")
    assert "2 ada" in call(ada, count)
    assert '"ada"' in call(ada, who)
    thief = ada.copied()
    assert '"ada"' in call(thief, who)
    ada.post("/logout")
    for one in (ada, thief):
        assert one.post(hello, json={"data": ["hello"]}).status_code == 401
        assert '"None"' in call(one, who)
