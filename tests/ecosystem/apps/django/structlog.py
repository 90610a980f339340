"""django-structlog: each line of the log names the user, also after the response."""

from __future__ import annotations

import structlog

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_structlog"]
MIDDLEWARE = [*settings.MIDDLEWARE, "django_structlog.middlewares.RequestMiddleware"]
lines = structlog.testing.LogCapture()
structlog.configure(processors=[structlog.contextvars.merge_contextvars, lines])
app = begin(globals())

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from tests.ecosystem.apps.django.views import accounts


def log(_: HttpRequest) -> JsonResponse:
    """Show what was logged: the page, and the user."""
    return JsonResponse(
        [[line["request"], line["event"], line.get("user_id")] for line in lines.entries],
        safe=False,
    )


def plain(_: HttpRequest) -> HttpResponse:
    """Show a page that has nothing to do with the session."""
    return HttpResponse()


urlpatterns = [*accounts, path("log", log), path("plain", plain)]
