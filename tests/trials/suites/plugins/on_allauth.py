"""The settings of django-allauth's own tests, with our sessions in place of Django's."""

from tests.projects.regular import settings  # type: ignore[import-untyped]  # in the archive
from tests.projects.regular.settings import *  # type: ignore[import-untyped]  # noqa: F403
from tokensession import KeyRing, stores

MIDDLEWARE = ("tokensession.adapters.django.SessionMiddleware", *settings.MIDDLEWARE[1:])
INSTALLED_APPS = (*settings.INSTALLED_APPS, "tokensession.adapters.django")
SESSION_ENGINE = "tokensession.adapters.django"
TOKENSESSION_KEYS = KeyRing.generate()
store = stores.connect("memory:")
TOKENSESSION_REVOCATION = store.revocations()
TOKENSESSION_OVERFLOW = store.overflow()  # some providers' profiles are larger than a cookie
