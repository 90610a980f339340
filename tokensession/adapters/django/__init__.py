"""Sessions for Django: its engine and its middleware, in one block of the settings.

::

    SESSION_ENGINE = "tokensession.adapters.django"
    SESSION_COOKIE_NAME = "__Host-session"
    TOKENSESSION_KEYS = KeyRing.follow(BASE_DIR / "session-keys.json")

and in MIDDLEWARE ``tokensession.adapters.django.SessionMiddleware`` in the place of Django's own.
TOKENSESSION_KEYS may be a `SessionManager`; otherwise TOKENSESSION_POLICY says when sessions end
(the OWASP profile when it is not there), and TOKENSESSION_REVOCATION is a store of revocations.

Add ``tokensession.adapters.django`` to INSTALLED_APPS to have unsafe settings found by Django's
system checks. ``request.session`` is the session, with all that Django's own can do, and
its verbs besides; ``session_of(request)`` is the same, typed.
"""

from tokensession.extras import how_to_install

try:
    import django  # noqa: F401  # asked for here, where its absence can be explained
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.django needs Django: {how_to_install('django')}"
    ) from _missing

from tokensession.adapters.django.middleware import SessionMiddleware, session_of
from tokensession.adapters.django.store import SessionStore

__all__ = ["SessionMiddleware", "SessionStore", "session_of"]
