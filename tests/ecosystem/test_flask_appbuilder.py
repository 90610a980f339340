"""Flask-AppBuilder: flashes, languages, the page to go back to and forms go through the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .browsers import Browser


def test_a_copied_cookie_is_dead_after_logout(
    serve: Callable[..., str], browser: Callable[[str], Browser]
) -> None:
    """An administrator signs in, edits, changes the language, goes back and signs out."""
    ada = browser(serve("flask_appbuilder", "wsgi", "flask_appbuilder"))
    denied = ada.get("/contactview/list/")
    assert denied.url.path == "/login/"
    assert "Access is Denied" in denied.text
    wrong = ada.submit("/login/", {"username": "ada", "password": "guessed"})
    assert "Invalid login" in wrong.text
    page = ada.submit("/login/", {"username": "ada", "password": "secret"})
    assert "Ada Lovelace" in page.text
    listed = ada.submit("/contactview/add", {"name": "Charles"})
    assert "Added Row" in listed.text
    assert "Charles" in ada.get("/contactview/show/1").text
    assert "Charles" in ada.get("/contactview/list/").text
    assert ada.get("/back").url.path == "/contactview/show/1"
    ada.get("/lang/pt")
    assert "Sair" in ada.get("/contactview/list/").text
    thief = ada.copied()
    assert thief.get("/contactview/list/").url.path == "/contactview/list/"
    ada.get("/logout/")
    assert ada.get("/contactview/list/").url.path == "/login/"
    assert thief.get("/contactview/list/").url.path == "/login/"
