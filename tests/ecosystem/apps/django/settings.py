"""The settings that all of these applications have in common, and how one begins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from tokensession import KeyRing, stores

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_KEY = "a secret of this application, long enough for its checks"
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_URL = "/static/"
LOGGING_CONFIG = None
USE_TZ = True
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "tokensession.adapters.django",
]
MIDDLEWARE = [
    "tokensession.adapters.django.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
FORM = '<form method="post">{% csrf_token %}{{ form }}<button>Send</button></form>'
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                "django.template.loaders.app_directories.Loader",
                ("django.template.loaders.locmem.Loader", {"registration/login.html": FORM}),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

store = stores.connect("memory:")
SESSION_ENGINE = "tokensession.adapters.django"
SESSION_COOKIE_NAME = "__Host-session"
TOKENSESSION_KEYS = KeyRing.generate()
TOKENSESSION_REVOCATION = store.revocations()


class _TablesAlone(dict[str, None]):
    """The migrations of no application: its tables are made at once."""

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, _: str) -> None:
        return None


def begin(application: Mapping[str, Any], *, asgi: bool = False) -> Any:
    """Start Django with an application's settings, its tables and the users ada and root.

    Args:
        application: The names of its module: the settings in capitals, and its URLs.
        asgi: Whether it is served by ASGI.
    """
    chosen = {name: value for name, value in globals().items() if name.isupper()}
    chosen |= {name: value for name, value in application.items() if name.isupper()}
    chosen.setdefault("ROOT_URLCONF", application["__name__"])
    settings.configure(MIGRATION_MODULES=_TablesAlone(), **chosen)
    django.setup()

    from django.contrib.auth import get_user_model  # noqa: PLC0415 - needs the settings
    from django.core.management import call_command  # noqa: PLC0415 - likewise

    call_command("check", tags=["security"], stdout=sys.stderr)  # ours are there
    call_command("migrate", run_syncdb=True, skip_checks=True, verbosity=0)
    users = get_user_model().objects
    users.create_user("ada", "ada@example.org", "a long pass phrase")
    users.create_superuser("root", "root@example.org", "another long pass phrase")
    return get_asgi_application() if asgi else get_wsgi_application()
