"""The settings of Django's own tests, with our sessions in place of Django's.

`runtests.py` sets the middleware by itself, so it is changed there. The tests of Django's cookie
engine, CookieSessionTests, run on ours as well.
"""

import django.contrib.sessions.backends.signed_cookies as cookies
from test_sqlite import (  # type: ignore[import-not-found]  # it lies beside runtests.py
    DATABASES,
    DEFAULT_AUTO_FIELD,
    PASSWORD_HASHERS,
    SECRET_KEY,
    USE_TZ,
)

import __main__  # runtests.py
from tokensession import KeyRing, stores
from tokensession.adapters.django import SessionStore

__all__ = ["DATABASES", "DEFAULT_AUTO_FIELD", "PASSWORD_HASHERS", "SECRET_KEY", "USE_TZ"]

SESSION_ENGINE = "tokensession.adapters.django"
TOKENSESSION_KEYS = KeyRing.generate()
TOKENSESSION_REVOCATION = stores.connect("memory:").revocations()
cookies.SessionStore = SessionStore
__main__.ALWAYS_MIDDLEWARE[:] = [
    "tokensession.adapters.django.SessionMiddleware" if "sessions" in name else name
    for name in __main__.ALWAYS_MIDDLEWARE
]
