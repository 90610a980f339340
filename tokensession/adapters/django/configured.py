"""What Django's settings ask for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from tokensession.errors import ConfigError
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy


def configured_manager() -> SessionManager[Any]:
    """Return the manager of TOKENSESSION_KEYS, or one made of the settings; always the same.

    Raises:
        ConfigError: Settings that are missing, that browsers would refuse, or that are unsafe.
    """
    keys = getattr(settings, "TOKENSESSION_KEYS", None)
    policy = getattr(settings, "TOKENSESSION_POLICY", None)
    revocation = getattr(settings, "TOKENSESSION_REVOCATION", None)
    if keys is None:
        raise ConfigError(
            "TOKENSESSION_KEYS is missing from the settings: set it to a key ring, such as "
            'KeyRing.follow(BASE_DIR / "session-keys.json")'
        )
    if not isinstance(keys, SessionManager):
        try:
            return _manager(keys, policy, revocation, _cookie())
        except TypeError:  # what is not hashable is none of these, which is told without the cache
            return _manager.__wrapped__(keys, policy, revocation, _cookie())
    if policy is not None or revocation is not None:
        raise ConfigError(
            "TOKENSESSION_KEYS is a manager, which has its policy and revocation: give them there"
        )
    if not isinstance(keys.cookie, Cookie) or keys.cookie.name != settings.SESSION_COOKIE_NAME:
        raise ConfigError(
            "SESSION_COOKIE_NAME must be the name of the manager's cookie, by which others such as "
            "Django's test client find it"
        )
    return keys


@lru_cache(maxsize=32)  # settings change in tests only
def _manager(
    keys: KeyRing | KeyRingWatcher,
    policy: Policy | None,
    revocation: Store | Check | None,
    cookie: Cookie,
) -> SessionManager[Any]:
    return SessionManager(keys, cookie=cookie, policy=policy, revocation=revocation)


def _cookie() -> Cookie:
    if not settings.SESSION_COOKIE_HTTPONLY:
        raise ConfigError("SESSION_COOKIE_HTTPONLY = False would show the token to scripts")
    return Cookie(
        name=settings.SESSION_COOKIE_NAME,
        domain=settings.SESSION_COOKIE_DOMAIN or None,
        path=settings.SESSION_COOKIE_PATH,
        same_site=settings.SESSION_COOKIE_SAMESITE or "Lax",
    )
