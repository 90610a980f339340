"""An object that an application has put in place of its session, as Litestar's verbs do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec

from tokensession.errors import ConfigError
from tokensession.web.request_session import RequestSession

_log = logging.getLogger("tokensession")

_warned: set[str] = set()  # the types of sessions that have been warned of
_LITESTAR: Final = "litestar_app"  # of a scope: Litestar serves it


def take_over(scope: MutableMapping[str, Any], key: str, session: RequestSession[Any]) -> None:
    """Do to the session what the application meant by putting an object in its place.

    Litestar's ``set_session`` and ``clear_session`` do that, and so does a second session
    middleware. A session of ours is that of a mounted application.

    Args:
        scope: The ASGI scope.
        key: Where the session stands in it.
        session: The session of the request.

    Raises:
        ConfigError: The session was taken out, or is of a type that no session can hold.
    """
    other = scope.get(key)
    if other is session or isinstance(other, RequestSession):
        return
    if _LITESTAR in scope:
        if other is None or getattr(other, "name", None) == "EMPTY":
            session.clear()
            return
        # Starlette's session, as a second middleware puts it there, tells whether it was modified.
        if not isinstance(other, Mapping) or not hasattr(other, "modified"):
            _replace(session, other)
            return
    if not isinstance(other, Mapping):
        raise ConfigError(
            "the session was taken out of the scope and has not ended: call request.session.clear()"
        )
    _warn(other, key)


def check_in_place(scope: MutableMapping[str, Any], key: str, begun_with: object) -> None:
    """Refuse to lose what Litestar's verbs have done after the response had begun.

    Args:
        scope: The ASGI scope.
        key: Where the session stands in it.
        begun_with: What stood there when the response began.

    Raises:
        ConfigError: Something else stands there now.
    """
    if scope.get(key) is not begun_with and _LITESTAR in scope:
        raise ConfigError(
            "the session was set or cleared after the response had begun, and that change is lost: "
            "call set_session() or clear_session() before the first byte is sent (for a WebSocket: "
            "before it is accepted)"
        )


def _replace(session: RequestSession[Any], state: Any) -> None:
    """Let a session hold another state, under a new id where it had one."""
    if isinstance(state, Mapping):
        state = dict(state)
    elif (session._value or session._open()).is_mapping:  # as opposed to a state of a type
        try:
            dump = getattr(state, "model_dump", None)  # of a pydantic model
            state = dump(mode="json") if callable(dump) else msgspec.to_builtins(state)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"set_session() was given a {type(state).__name__}, which cannot be written: give "
                "it a dict"
            ) from error
    if session.kid:
        session.regenerate()
    session.state = state


def _warn(other: Mapping[str, Any], key: str) -> None:
    """Warn of a second session middleware, once for each kind of session."""
    name = f"{type(other).__module__}.{type(other).__qualname__}"
    if name not in _warned:
        _warned.add(name)
        _log.warning(
            "a second session middleware has put a %s into scope[%r], so the application's state "
            "travels in that middleware's cookie and not in tokensession's: remove the second "
            "middleware (docs/frameworks/fastapi.md has the lines for packages that add one)",
            name, key,
        )  # fmt: skip
