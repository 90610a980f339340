"""Where Litestar takes its session for a dict: its verbs replace it, and handlers return it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from tokensession.errors import ConfigError
from tokensession.web.manager import SessionManager
from tokensession.web.request_session import RequestSession

_log = logging.getLogger("tokensession")

_warned: set[str] = set()  # the types of sessions that have caused a warning, and its effect
_LITESTAR: Final = "litestar_app"  # a scope with this key is served by Litestar


def write_as_json() -> None:
    """Let the handlers of Litestar return a session, if Litestar is imported.

    The encoder stands in Litestar's own table, because a middleware cannot add to an application's.
    """
    hooks = sys.modules.get("litestar.serialization.msgspec_hooks")
    if hooks is not None:
        # Litestar asks `__class__`, which is dict here. It never asks for the encoder of a dict.
        hooks.DEFAULT_TYPE_ENCODERS[dict] = attrgetter("state")


def take_over(scope: MutableMapping[str, Any], key: str, session: RequestSession[Any]) -> None:
    """Apply to the session what the application meant when it replaced the session.

    Litestar's ``set_session`` and ``clear_session`` replace it, and so does a second session
    middleware. Another session of ours belongs to a mounted application.

    Args:
        scope: The ASGI scope.
        key: The key of the session in the scope.
        session: The session of the request.

    Raises:
        ConfigError: The session was removed, or replaced by an unsupported type.
    """
    other = scope.get(key)
    if other is session or isinstance(other, RequestSession):
        return
    if _LITESTAR in scope:
        second = _second_of(scope[_LITESTAR])
        if second is not None:
            _warn(second, key, "keeps the application's state in a second cookie or store")
        if other is None or getattr(other, "name", None) == "EMPTY":
            session.clear()
            return
        # Starlette's session, from a second middleware, has the attribute `modified`.
        if not isinstance(other, Mapping) or not hasattr(other, "modified"):
            _replace(session, other)
            return
    if not isinstance(other, Mapping):
        raise ConfigError(
            "the session was removed from the scope but has not ended: call request.session.clear()"
        )
    _warn(other, key)


def _second_of(app: Any) -> object | None:
    """Return the configuration of Litestar's own session middleware in an application, if any."""
    module = sys.modules.get("litestar.middleware.session.base")
    for given in getattr(app, "middleware", ()):
        arguments = getattr(given, "kwargs", {})
        config = getattr(arguments.get("backend"), "config", None)
        if config is None:  # SessionAuth's
            config = getattr(arguments.get("config"), "session_backend_config", None)
        is_own = isinstance(getattr(config, "manager", None), SessionManager)
        if module is not None and isinstance(config, module.BaseBackendConfig) and not is_own:
            return config  # type: ignore[no-any-return]  # it is an object
    return None


def check_in_place(scope: MutableMapping[str, Any], key: str, begun_with: object) -> None:
    """Refuse to lose a call of Litestar's verbs that came after the response began.

    Args:
        scope: The ASGI scope.
        key: The key of the session in the scope.
        begun_with: The object under that key when the response began.

    Raises:
        ConfigError: There is another object now.
    """
    if scope.get(key) is not begun_with and _LITESTAR in scope:
        raise ConfigError(
            "the session was set or cleared after the response began, so the change is lost: call "
            "set_session() or clear_session() before the first byte is sent (for a WebSocket: "
            "before it is accepted)"
        )


def _replace(session: RequestSession[Any], state: Any) -> None:
    """Give a session another state, and a new id if it had one."""
    if isinstance(state, Mapping):
        state = dict(state)
    elif (session._value or session._open()).is_mapping:  # not a typed state
        try:
            dump = getattr(state, "model_dump", None)  # a pydantic model has it
            state = dump(mode="json") if callable(dump) else msgspec.to_builtins(state)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"set_session() got a {type(state).__name__}, which cannot be written: pass a dict"
            ) from error
    if session.kid:
        session.regenerate()
    session.state = state


def tell_of_outer(other: object, key: str) -> None:
    """Warn about a session middleware around ours, which would write our session as its own."""
    if isinstance(other, Mapping) and not isinstance(other, RequestSession):
        _warn(other, key, "fails at each change of tokensession's session, or shows it to anyone")


def _warn(
    other: object,
    key: str,
    effect: str = "carries the application's state in its own cookie, and tokensession's does not",
) -> None:
    """Warn about a second session middleware, once for each type of session and effect."""
    name = f"{type(other).__module__}.{type(other).__qualname__}"
    if (told := f"{name} {effect}") not in _warned:
        _warned.add(told)
        _log.warning(
            "a second session middleware (of %s) uses scope[%r], so it %s: remove the second "
            "middleware (docs/packages.md has the lines for packages that add one)",
            name, key, effect,
        )  # fmt: skip
