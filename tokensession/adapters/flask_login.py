"""Follow Flask-Login's signals, so that its sign-in and sign-out act on the session.

Flask-Login itself changes only the mapping. With this module its sign-in starts a new session for
the user, and its sign-out ends the session, also in the revocation list.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from flask import has_request_context, session

from tokensession.adapters.flask_session import Session
from tokensession.adapters.sign_in_key import restore, set_here, sign_out, subject_of
from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask.sansio.app import App

_USER: Final = "_user_id"  # Flask-Login's key for the user
_REMEMBER: Final = "_remember"  # its note about its "remember me" cookie
# The keys that a sign-in has just set: Flask-Login's, and Flask's for a permanent session.
_NOTED: Final = (_USER, "_fresh", "_id", _REMEMBER, "_remember_seconds", "_permanent")
_COPIED: Final = (
    "logout_user() was called on a copy of the session, such as Flask-SocketIO gives to its "
    "handlers, so the user is still signed in: sign out in a view"
)


def follow_flask_login(app: App) -> None:
    """Follow the signals of Flask-Login, and of a copy of it that the application brings along."""
    for signals in _signals_of(app):
        for name, receiver in _RECEIVERS:
            signal = getattr(signals, name, None)
            if signal is not None:
                signal.connect(receiver, app)


def _signals_of(app: App) -> Iterator[Any]:
    """Yield the modules of signals: Flask-Login's, and that of the application's login manager."""
    manager = type(getattr(app, "login_manager", None))
    packages = {"flask_login", *(base.__module__.rpartition(".")[0] for base in manager.__mro__)}
    for package in packages:
        signals = sys.modules.get(f"{package}.signals")
        if signals is not None:
            yield signals


def session_in_use() -> Session | None:
    """Return the current request's session, if it is one of ours and holds a mapping."""
    current: Any = session._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]  # a LocalProxy
    return current if isinstance(current, Session) and current._open().is_mapping else None


def _signed_in(_app: App, **_: Any) -> None:
    current = session_in_use()
    user = None if current is None else current.get(_USER)
    if current is None or user is None:
        return
    current._pending = None
    begin_session(current, user, _NOTED)


def begin_session(current: Session, user: Any, noted: Iterable[str]) -> None:
    """Sign in, and keep these keys, which the sign-in has just set.

    If another user was signed in, the new session keeps besides only what this request has set.
    """
    kept = {key: current[key] for key in noted if key in current} | set_here(current)
    current.sign_in(subject_of(user))
    restore(current, kept)


def _signed_out(_app: App, **_: Any) -> None:
    if has_request_context() and not isinstance(session._get_current_object(), Session):  # type: ignore[attr-defined]
        raise ConfigError(_COPIED)
    current = session_in_use()
    if current is None or (current.subject is None and not current.kid):
        return  # no user was signed in
    current._pending = {key: current[key] for key in (_REMEMBER,) if key in current}
    sign_out(current)


def _protected(app: App, **_: Any) -> None:
    """Sign out if Flask-Login's strong protection has removed the user from the session."""
    current = session_in_use()
    if current is not None and current.subject is not None and _USER not in current:
        _signed_out(app)


def _confirmed(_app: App, **_: Any) -> None:
    current = session_in_use()
    if current is not None and current.subject is not None:
        current.reauthenticate()


_RECEIVERS: Final = (
    ("user_logged_in", _signed_in),
    ("user_loaded_from_cookie", _signed_in),
    ("user_logged_out", _signed_out),
    ("user_login_confirmed", _confirmed),
    ("session_protected", _protected),
)
