"""django-hijack: root looks at the site as another user, and comes back."""

from __future__ import annotations

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "hijack"]
MIDDLEWARE = [*settings.MIDDLEWARE, "hijack.middleware.HijackUserMiddleware"]
app = begin(globals())

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path

from tests.ecosystem.apps.django.views import accounts


def remember(request: HttpRequest) -> HttpResponse:
    """Let the session last for an hour."""
    request.session.set_expiry(3600)
    return HttpResponse()


def acquire(request: HttpRequest) -> HttpResponse:
    """Show the form for becoming another user, as the admin site's list has it."""
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    return HttpResponse(
        f'<body><form method="post" action="/hijack/acquire/">{hidden}<input name="user_pk"></form>'
    )


def page(_: HttpRequest) -> HttpResponse:
    """Show a page, into which the middleware puts the form for coming back."""
    return HttpResponse("<html><body><p>a page</p></body></html>")


urlpatterns = [
    *accounts,
    path("remember", remember),
    path("acquire", acquire),
    path("page", page),
    path("hijack/", include("hijack.urls")),
]
