"""The session in Jinja templates: the application's keys come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class SessionInTemplates(Mapping[str, Any]):
    """A session for templates: ``{{ session.state }}`` is the application's key ``state``.

    Jinja looks up attributes before items, so a session's attributes would hide keys of the same
    name. Here an attribute is used only if there is no such key.

    Args:
        session: The session, or a proxy of it.
    """

    __slots__ = ("_session",)

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getitem__(self, key: str) -> Any:
        """Return a value of the state."""
        return self._session[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the state."""
        return iter(self._session)

    def __len__(self) -> int:
        """Return the number of keys of the state."""
        return len(self._session)

    def __bool__(self) -> bool:
        """Tell whether the state is not empty; False outside of a request."""
        return bool(self._session)

    def __getattr__(self, name: str) -> Any:
        """Return a value of the state, or an attribute of the session."""
        try:
            return self._session[name]
        except (KeyError, TypeError):  # a typed state has no items
            return getattr(self._session, name)

    def __repr__(self) -> str:
        """Return the session's own representation."""
        return repr(self._session)


def show_in_templates(app: Any, session: Any) -> None:
    """Give the templates of an application of Flask or Quart the session.

    Args:
        app: The application.
        session: The framework's proxy of the current session.
    """
    shown = SessionInTemplates(session)
    app.jinja_env.globals["session"] = shown
    app.template_context_processors[None].insert(1, lambda: {"session": shown})
