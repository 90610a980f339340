"""django-debug-toolbar: it looks at the session after the response was made."""

from __future__ import annotations

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

DEBUG = True
INTERNAL_IPS = ["127.0.0.1"]
INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.staticfiles", "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *settings.MIDDLEWARE]
app = begin(globals())

from debug_toolbar.toolbar import debug_toolbar_urls
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.ecosystem.apps.django.views import accounts


def page(request: HttpRequest) -> HttpResponse:
    """Show a page that keeps something in the session."""
    request.session["colour"] = "red"
    return HttpResponse("<html><body><p>a page</p></body></html>")


def plain(_: HttpRequest) -> HttpResponse:
    """Show a page that has nothing to do with the session."""
    return HttpResponse("<html><body><p>a page</p></body></html>")


urlpatterns = [*accounts, path("page", page), path("plain", plain), *debug_toolbar_urls()]
