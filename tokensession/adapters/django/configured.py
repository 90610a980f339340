"""The manager from Django's settings."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from tokensession.errors import ConfigError
from tokensession.sessions.policy import DEFAULT_ABSOLUTE, Policy
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager
from tokensession.web.options import Options

_PREFIX: Final = "TOKENSESSION_"
# The options of a manager that settings can set: TOKENSESSION_POLICY and so on.
_OPTIONS: Final = tuple(name for name in Options.__annotations__ if name != "cookie")
_SIZE: Final = 32  # settings change only in tests

# The managers by their settings, which they keep alive.
_made: dict[tuple[Any, ...], tuple[SessionManager[Any], Any]] = {}


def configured_manager() -> SessionManager[Any]:
    """Return the manager of TOKENSESSION_KEYS, or one made of the settings; always the same one.

    Raises:
        ConfigError: A setting is missing or unsafe, or browsers would refuse it.
    """
    keys = getattr(settings, "TOKENSESSION_KEYS", None)
    given = {name: getattr(settings, _PREFIX + name.upper(), None) for name in _OPTIONS}
    options = {name: value for name, value in given.items() if value is not None}
    if keys is None:
        raise ConfigError(
            "TOKENSESSION_KEYS is missing from the settings: set it to a key ring, such as "
            'KeyRing.follow(BASE_DIR / "session-keys.json")'
        )
    if isinstance(keys, SessionManager):
        return _checked(keys, options)
    cookie, age = _cookie(), int(settings.SESSION_COOKIE_AGE)
    known = (id(keys), cookie, age, *(id(value) for value in given.values()))
    made = _made.get(known)
    if made is None:
        # "Remember me" boxes call set_expiry(SESSION_COOKIE_AGE), so allow that much.
        options.setdefault("policy", Policy(longest=max(age, DEFAULT_ABSOLUTE)))
        manager: SessionManager[Any] = SessionManager(keys, cookie=cookie, **options)
        if len(_made) >= _SIZE:
            _made.clear()
        made = _made[known] = manager, (keys, given)
    return made[0]


def _checked(manager: SessionManager[Any], options: dict[str, Any]) -> SessionManager[Any]:
    """Return the manager in TOKENSESSION_KEYS, after checking the other settings."""
    if options:
        names = ", ".join(_PREFIX + name.upper() for name in options)
        raise ConfigError(
            f"TOKENSESSION_KEYS is a manager, which already has its options: set {names} there"
        )
    if (
        not isinstance(manager.cookie, Cookie)
        or manager.cookie.name != settings.SESSION_COOKIE_NAME
    ):
        raise ConfigError(
            "SESSION_COOKIE_NAME must be the name of the manager's cookie, because Django's test "
            "client uses it: set it to that name"
        )
    return manager


def _cookie() -> Cookie:
    if not settings.SESSION_COOKIE_HTTPONLY:
        raise ConfigError("SESSION_COOKIE_HTTPONLY = False would show the token to scripts")
    return Cookie(
        name=settings.SESSION_COOKIE_NAME,
        domain=settings.SESSION_COOKIE_DOMAIN or None,
        path=settings.SESSION_COOKIE_PATH,
        same_site=settings.SESSION_COOKIE_SAMESITE or "Lax",
    )
