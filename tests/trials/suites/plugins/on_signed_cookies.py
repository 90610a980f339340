"""The settings of django-allauth's own tests, with Django's sessions in cookies."""

from tests.projects.regular.settings import *  # type: ignore[import-untyped]  # noqa: F403

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
