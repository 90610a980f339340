"""social-auth-app-django: sign-in by an OpenID provider, with a question in the middle."""

from __future__ import annotations

import os
from typing import Any

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "social_django"]
MIDDLEWARE = [*settings.MIDDLEWARE, "social_django.middleware.SocialAuthExceptionMiddleware"]
AUTHENTICATION_BACKENDS = [
    "social_core.backends.open_id_connect.OpenIdConnectAuth",
    "django.contrib.auth.backends.ModelBackend",
]
SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = os.environ["PROVIDER"]
SOCIAL_AUTH_OIDC_KEY = "shop"
SOCIAL_AUTH_OIDC_SECRET = "a secret of this application and the provider"
SOCIAL_AUTH_OIDC_USE_PKCE = True
SOCIAL_AUTH_SESSION_EXPIRATION = True
SOCIAL_AUTH_OIDC_EXTRA_DATA = [("expires_in", "expires")]
SOCIAL_AUTH_FIELDS_STORED_IN_SESSION = ["plan"]
SOCIAL_AUTH_PIPELINE = [
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.social_user",
    "tests.ecosystem.apps.django.social_auth.ask_for_name",
    "social_core.pipeline.user.create_user",
    "social_core.pipeline.social_auth.associate_user",
    "social_core.pipeline.social_auth.load_extra_data",
]
app = begin(globals())

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from social_core.pipeline.partial import partial

from tests.ecosystem.apps.django.views import accounts


@partial
def ask_for_name(strategy: Any, user: Any = None, **_: Any) -> Any:
    """Ask a new user for a name."""
    if user is not None:
        return {}
    name = strategy.request_data().get("name")
    return {"username": name} if name else strategy.redirect("/name")


def name(request: HttpRequest) -> HttpResponse:
    """Show the question."""
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    return HttpResponse(
        f'<form method="post" action="/complete/oidc/">{hidden}<input name="name"></form>'
    )


urlpatterns = [*accounts, path("name", name), path("", include("social_django.urls"))]
