"""mozilla-django-oidc: sign-in by an OpenID provider, whose tokens the session keeps."""

from __future__ import annotations

import os

from tests.ecosystem.apps.django import settings
from tests.ecosystem.apps.django.settings import begin

INSTALLED_APPS = [*settings.INSTALLED_APPS, "mozilla_django_oidc"]
MIDDLEWARE = [*settings.MIDDLEWARE, "mozilla_django_oidc.middleware.SessionRefresh"]
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
OIDC_RP_CLIENT_ID = "shop"
OIDC_RP_CLIENT_SECRET = "a secret of this application and the provider"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_OP_AUTHORIZATION_ENDPOINT = os.environ["PROVIDER"] + "/authorize"
OIDC_OP_TOKEN_ENDPOINT = os.environ["PROVIDER"] + "/token"
OIDC_OP_USER_ENDPOINT = os.environ["PROVIDER"] + "/userinfo"
OIDC_OP_JWKS_ENDPOINT = os.environ["PROVIDER"] + "/keys"
OIDC_USE_PKCE = True
OIDC_STORE_ACCESS_TOKEN = True
OIDC_STORE_ID_TOKEN = True
OIDC_USERNAME_ALGO = "tests.ecosystem.apps.django.mozilla_django_oidc.name_of"
OIDC_EXEMPT_URLS = ["age"]
app = begin(globals())

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.ecosystem.apps.django.views import home


def name_of(email: str) -> str:
    """Return the user's name."""
    return email


def age(request: HttpRequest) -> HttpResponse:
    """Let the provider's word be old, as after a quarter of an hour."""
    request.session["oidc_id_token_expiration"] = 0
    return HttpResponse()


urlpatterns = [
    path("", home),
    path("age", age, name="age"),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
