"""Flask-Babel: a flashed text is translated late, and shown on the next page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


def test_lazy_messages(serve: Callable[..., str], browser: Callable[[str], Browser]) -> None:
    """A lazy text becomes text, and marked-up text stays so, as on the own session of Flask."""
    ada = browser(serve("flask", "wsgi", "flask_babel"))
    ada.post("/locale", data={"locale": "pt"})
    assert ada.get("/").text == "info: saved <pt>; html: <b>bold</b>; pt"
    assert ada.get("/").text == "pt"
