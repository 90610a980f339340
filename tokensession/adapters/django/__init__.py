"""Sessions for Django: a session engine and a middleware.

::

    SESSION_ENGINE = "tokensession.adapters.django"
    SESSION_COOKIE_NAME = "__Host-session"
    TOKENSESSION_KEYS = KeyRing.follow(BASE_DIR / "session-keys.json")

In MIDDLEWARE, replace Django's session middleware by
``tokensession.adapters.django.SessionMiddleware``. TOKENSESSION_KEYS can be a `SessionManager`.
Otherwise TOKENSESSION_POLICY sets when sessions end (by default the OWASP profile), and
TOKENSESSION_REVOCATION is a revocation store.

Add ``tokensession.adapters.django`` to INSTALLED_APPS, so that Django's system checks find unsafe
settings. ``request.session`` is the session, with the interface of Django's own and our verbs.
``session_of(request)`` is the same session, typed.
"""

from tokensession.errors import how_to_install

try:
    import django  # noqa: F401  # imported here, so that the error below can explain its absence
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.django needs Django: {how_to_install('django')}"
    ) from _missing

from tokensession.adapters.django.configured import configured_manager
from tokensession.adapters.django.middleware import SessionMiddleware, session_of
from tokensession.adapters.django.store import SessionStore

__all__ = ["SessionMiddleware", "SessionStore", "configured_manager", "session_of"]
