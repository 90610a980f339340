"""django-axes: sign-ins that fail too often, and a log that knows sessions by their key."""

from __future__ import annotations

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "axes"]
MIDDLEWARE = [*settings.MIDDLEWARE, "axes.middleware.AxesMiddleware"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 3
AXES_LOCKOUT_PARAMETERS = ["username"]
app = begin(globals())

from axes.models import AccessLog
from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.ecosystem.apps.django.views import accounts


def log(_: HttpRequest) -> JsonResponse:
    """Tell which sign-ins have been followed by a sign-out."""
    entries = AccessLog.objects.order_by("id").values_list("username", "logout_time")
    return JsonResponse([[name, ended is not None] for name, ended in entries], safe=False)


urlpatterns = [*accounts, path("log", log)]
